/** What secrets that people choose are made of: words of this trade, of weak passwords, and the commonest of English. */
export const commonWords: readonly string[] = `
access account acme admin administrator alpha apple application auth authentication authorization backend bearer beta bootstrap
changeit changeme changethis client cloud code company config configuration credential credentials crypto database default delta
demo deploy developer development docker dummy encryption enterprise example frontend gamma generate generated github gitlab
google hello hidden hunter identity insecure internal issuer jenkins keycloak kubernetes letmein linux localhost login long
longer master microsoft mysql network nobody oauth openid operator oracle passphrase passw passwd password payload placeholder
please postgres postgresql prod production project qwerty random redis replace root sample sandbox secret secrets secure secured
security server service session setup short signet signature signing sixteen staging string strong super superuser system
temporary test tester testing thirty thisis token tokens trustno ubuntu unknown user username value vault very weak welcome
windows world
about after again alice always another answer april august autumn baby back base baseball basic because been before being
below best better between black blue book both bring brown build call came canada cannot carry cats change charlie chelsea child
city clear cold come computer could country cover cross daddy daily daniel dark dear death december different does doing dogs
done door down dragon each early earth east easy eight england enough enter even ever every everything eyes face family fast
father february feel find fire first five flower follow food foot football forever form four freedom friday friend friends from
full game gave germany give given gold good grand great green group grow half hand happy hard have head hear heart here high
himself hold home hope horse hour house however hundred idea important india inside into iloveyou january jennifer jessica jesus
jordan july june just keep kind king know known lady land large last late laugh lazy learn leave left less letter life light like
line list little live liverpool local london look love made make many march matter maybe mean michael might mind mine minute
monday money monkey month moon more morning most mother mountain move much must name national nature need never next nice night
nine nothing november number ocean october often once only open orange order other over page paper part party people perfect
person phone picture place plan plant play point power present princess problem public purple question quick quickly quite rain
reach read ready real really right river rock room rose round same samsung saturday school second seem september seven shadow
should show side silver simple since sister small snow some something song soon sound south space spring stand star start state
still stop story street strange student study such summer sunday sunshine sure table take talk teach tell than thank that their
them then there these they thing things think this those though thought thousand three through thursday time tiger today together
told tomorrow took toward travel tree true trust truth tuesday turn twelve twenty twitter under united until upon used usually
victory voice wait walk want warm watch water wednesday week well went were what when where which while white whole winter
wish with without woman wonder word words work would write year years yellow yesterday young your yourself
the and for you not are but all any can had her was one our out has his how its may new now old see two way who did get him let
put say she too use own why try key api app web dev foo xyz pass
`
  .trim()
  .split(/\s+/);
