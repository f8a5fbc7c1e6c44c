import {
  commonName,
  issueCertificate,
  type NamePart,
  organization,
} from '../../../test/support/certificate-authority.js';
import { readCertificate } from './certificate.js';
import { isSameName, parseDistinguishedName } from './distinguished-name.js';

const unit = '2.5.4.11';

function matches(text: string, subject: readonly NamePart[], stringTag?: number): boolean {
  const expected = parseDistinguishedName(text);
  if (expected === undefined) throw new Error('no name');
  const options = stringTag === undefined ? { subject } : { subject, stringTag };
  return isSameName(expected, readCertificate(issueCertificate(options).x509.raw).subject);
}

const subject: readonly NamePart[] = [[[organization, 'Example']], [[unit, 'Ops']], [[commonName, 'billing']]];

describe('RFC 4514 the string representation of a name', () => {
  it.each([
    'CN=billing,OU=Ops,O=Example',
    'cn=billing,ou=Ops,o=Example',
    'CN=billing, OU=Ops, O=Example',
    'CN = billing , OU = Ops , O = Example ',
    '2.5.4.3=billing,2.5.4.11=Ops,2.5.4.10=Example',
    'CN=\\62illing,OU=Ops,O=Example',
    'CN=#0c0762696c6c696e67,OU=Ops,O=Example',
    'CN=#0C0762696C6C696E67,OU=Ops,O=Example',
  ])('%s is the subject', (text) => {
    expect(matches(text, subject)).toBe(true);
  });

  it.each([
    ['another order', 'O=Example,OU=Ops,CN=billing'],
    ['a part less', 'CN=billing,O=Example'],
    ['a part more', 'CN=billing,OU=Ops,O=Example,C=DE'],
    ['another value', 'CN=Billing,OU=Ops,O=Example'],
    ['another type', 'OU=billing,CN=Ops,O=Example'],
    ['a part of a value', 'CN=billin,OU=Ops,O=Example'],
    ['a blank in a value', 'CN=billing\\ ,OU=Ops,O=Example'],
    ['one part of several attributes', 'CN=billing+OU=Ops,O=Example'],
    ['another string type in hexadecimal', 'CN=#130762696c6c696e67,OU=Ops,O=Example'],
  ])('J-25: %s is not the subject', (_, text) => {
    expect(matches(text, subject)).toBe(false);
  });

  it.each<[string, readonly NamePart[]]>([
    [
      'two common names',
      [[[organization, 'Example']], [[unit, 'Ops']], [[commonName, 'billing']], [[commonName, 'x']]],
    ],
    [
      'the same name twice',
      [[[organization, 'Example']], [[unit, 'Ops']], [[commonName, 'billing']], [[commonName, 'billing']]],
    ],
    [
      'two attributes in a part',
      [
        [[organization, 'Example']],
        [[unit, 'Ops']],
        [
          [commonName, 'billing'],
          [commonName, 'x'],
        ],
      ],
    ],
    ['separators in a value', [[[organization, 'Example']], [[commonName, 'billing,OU=Ops']]]],
    ['a NUL in a value', [[[organization, 'Example']], [[unit, 'Ops']], [[commonName, 'billing\0.evil']]]],
    ['nobody', []],
  ])('J-25: a certificate of %s is not meant', (_, other) => {
    expect(matches('CN=billing,OU=Ops,O=Example', other)).toBe(false);
  });

  it('takes the attributes of one part in any order', () => {
    const several: readonly NamePart[] = [
      [[organization, 'Example']],
      [
        [commonName, 'billing'],
        [unit, 'Ops'],
      ],
    ];
    expect(matches('CN=billing+OU=Ops,O=Example', several)).toBe(true);
    expect(matches('OU=Ops+CN=billing,O=Example', several)).toBe(true);
    expect(matches('OU=Ops+OU=Ops,O=Example', several)).toBe(false);
    expect(matches('CN=billing,O=Example', several)).toBe(false);
  });

  it.each([
    ['\\, \\+ \\" \\\\ \\< \\> \\; \\=', ', + " \\ < > ; ='],
    ['a=b#c', 'a=b#c'],
    ['\\#a', '#a'],
    ['\\ a\\ ', ' a '],
    ['\\C3\\BC', 'ü'],
    ['ü', 'ü'],
    ['日本', '日本'],
  ])('reads the value %s', (written, value) => {
    expect(matches(`CN=${written}`, [[[commonName, value]]])).toBe(true);
  });

  it('compares what a string says, whatever its type', () => {
    const name: readonly NamePart[] = [[[commonName, 'billing']]];
    for (const tag of [0x0c, 0x13, 0x14, 0x16]) expect(matches('CN=billing', name, tag)).toBe(true);
    // BMPString has two bytes for each character.
    expect(matches('CN=慢', [[[commonName, 'ab']]], 0x1e)).toBe(true);
    expect(matches('CN=ab', [[[commonName, 'ab']]], 0x1e)).toBe(false);
  });

  it.each([
    '',
    ' ',
    'billing',
    'CN=',
    'CN= ',
    '=x',
    'CN=a,',
    ',CN=a',
    'CN=a,,O=b',
    'CN=a+',
    'CN=a;O=b',
    'CN="a"',
    'CN=a\\',
    'CN=a\\x',
    'CN=a\\C3',
    'CN=a\0b',
    'CN=#',
    'CN=#0',
    'CN=#zz',
    'NOSUCHTYPE=a',
    '/O=Example/CN=billing',
    '2=a',
    '2..5=a',
  ])('refuses %j', (text) => {
    expect(parseDistinguishedName(text)).toBeUndefined();
  });

  it.each([
    ['blanks before a value', `CN=${' '.repeat(200_000)}x`, true],
    ['blanks behind a value', `CN=a${' '.repeat(200_000)}`, true],
    ['blanks in a value', `CN=a${' '.repeat(200_000)}b`, true],
    ['a great many parts', Array.from({ length: 5_000 }, () => 'CN=a').join(','), true],
    ['escapes without end', `CN=${'\\'.repeat(199_999)}`, false],
  ])('L-07: comes through %s', (_, text, isName) => {
    expect(parseDistinguishedName(text) !== undefined).toBe(isName);
  });
});
