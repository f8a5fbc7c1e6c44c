import { Inject, Injectable } from '@nestjs/common';
import { type ClientSnapshot, ClientSnapshots } from '../clients/index.js';
import { ServerConfig, TokenConfig } from '../config/index.js';
import { isOwnScope, OAuthError, parseResource, resolveScope } from '../protocol/index.js';
import { type RegisteredScopes, ScopeRegistry } from '../scopes/index.js';
import { AccessTokenIssuer, type SignedToken } from './access-token-issuer.js';
import { AccessTokenWriter } from './access-token.writer.js';
import { TokenLookUps } from './token-look-ups.js';
import { type TokenTerms, tokenTerms } from './token-terms.js';

/** A token that goes with deliveries to `url`. */
export interface WantedDeliveryToken {
  readonly url: string;
  /** Whose token it is. */
  readonly clientId: string;
  readonly scope: readonly string[];
  /** Its only audience. */
  readonly resource: string;
}

/** A bearer token whose record is durable. */
export interface IssuedDeliveryToken {
  readonly token: string;
  readonly lifetimeSeconds: number;
  /** What it was issued on, for {@link DeliveryTokens.holds}. */
  readonly grounds: TokenGrounds;
}

/** Names a token, and the versions of its client and of the registry that it rests on. */
export interface TokenGrounds {
  readonly jti: string;
  /** `exp`, seconds since the epoch. */
  readonly exp: number;
  readonly client: { readonly clientId: string; readonly version: string };
  readonly registryVersion: string;
}

/** A client that changes faster than this many decisions can follow gets no token now. */
const maxDecisions = 4;

/** Nobody asked from anywhere: the server itself did. Such tokens are not counted (`access-token.writer.ts`). */
const origin = { ipAddress: undefined, userAgent: 'signet/event-delivery', requestId: undefined } as const;

/**
 * The tokens that this server sends with its own deliveries: records and audit entries are those of any other token, and what
 * they may say is decided anew for each one (http-api.md "Events", security.md M-23).
 */
@Injectable()
export class DeliveryTokens {
  private readonly issuerOrigin: string;

  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(TokenConfig) private readonly config: TokenConfig,
    @Inject(ClientSnapshots) private readonly clients: ClientSnapshots,
    @Inject(ScopeRegistry) private readonly scopes: ScopeRegistry,
    @Inject(AccessTokenIssuer) private readonly issuer: AccessTokenIssuer,
    @Inject(AccessTokenWriter) private readonly writer: AccessTokenWriter,
    @Inject(TokenLookUps) private readonly lookUps: TokenLookUps,
  ) {
    this.issuerOrigin = new URL(server.issuer).origin;
  }

  /**
   * Issues a token.
   *
   * @returns `undefined` when there may be none: the client is gone, disabled or takes bound tokens only; a scope is no longer
   *   allowed to it, or is one of this server; the resource is not of the origin that the token goes to, or is this server
   * @throws DatabaseUnavailable when its record cannot be made durable
   */
  async issue(wanted: WantedDeliveryToken): Promise<IssuedDeliveryToken | undefined> {
    if (!this.mayHear(wanted)) return undefined;
    for (let decisions = 0; decisions < maxDecisions; decisions += 1) {
      const [client, scopes] = await Promise.all([this.clients.load(wanted.clientId), this.scopes.load()]);
      const terms = this.decide(wanted, client, scopes);
      if (terms === undefined) return undefined;
      const signed = await this.writer.expecting(this.issuer.sign(terms, origin, undefined));
      if (await this.isWritten(signed)) return issued(signed);
    }
    return undefined;
  }

  /**
   * Whether a token that was issued may be sent once more, as of queries that begin after this call: nothing has cut it (D5), and
   * its client and the registered scopes are as they were when it was decided on.
   *
   * @throws DatabaseUnavailable when the truth cannot be known
   */
  async holds({ jti, exp, client, registryVersion }: TokenGrounds): Promise<boolean> {
    const [{ clientIsCurrent, isLive }, scopes] = await Promise.all([
      this.lookUps.ask({ client, token: { jti, exp } }),
      this.scopes.load(),
    ]);
    return clientIsCurrent && isLive && scopes.version === registryVersion;
  }

  private async isWritten({ record }: SignedToken): Promise<boolean> {
    const outcome = await this.writer.write(record);
    if (outcome === 'stale') await this.issuer.refreshKeys();
    return outcome === 'written';
  }

  private mayHear({ url, resource }: WantedDeliveryToken): boolean {
    if (!URL.canParse(url) || !URL.canParse(resource)) return false;
    const to = new URL(url).origin;
    return to !== 'null' && to === new URL(resource).origin && to !== this.issuerOrigin;
  }

  private decide(
    wanted: WantedDeliveryToken,
    client: ClientSnapshot | undefined,
    scopes: RegisteredScopes,
  ): TokenTerms | undefined {
    if (client === undefined || client.status !== 'active') return undefined;
    // Bound to a key that this server does not have; unbound, they would be more than the client itself can get.
    if (client.dpopBoundAccessTokens || client.certificateBoundAccessTokens) return undefined;
    if (wanted.scope.some(isOwnScope)) return undefined;
    try {
      return tokenTerms({
        grantType: 'event_delivery',
        clientId: client.clientId,
        clientVersion: client.version,
        registryVersion: scopes.version,
        scope: allowedScope(wanted.scope, client, scopes),
        audience: parseResource(wanted.resource),
        lifetimeSeconds: client.accessTokenTtlSeconds ?? this.config.accessTokenTtlSeconds,
      });
    } catch (error) {
      if (error instanceof OAuthError) return undefined;
      throw error;
    }
  }
}

function issued({ token, record: { jti, issuedAt, terms } }: SignedToken): IssuedDeliveryToken {
  const { clientId, clientVersion, registryVersion, lifetimeSeconds } = terms;
  const client = { clientId, version: clientVersion };
  return { token, lifetimeSeconds, grounds: { jti, exp: issuedAt + lifetimeSeconds, client, registryVersion } };
}

/** Just what is wanted: nothing is no request for everything here. */
function allowedScope(wanted: readonly string[], client: ClientSnapshot, scopes: RegisteredScopes): string[] {
  if (wanted.length === 0) return [];
  return resolveScope({
    asked: wanted.join(' '),
    allowed: client.scope,
    isRegistered: (name) => scopes.has(name),
  });
}
