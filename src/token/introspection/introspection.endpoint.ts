import { Inject, Injectable } from '@nestjs/common';
import type { ClientSnapshot } from '../../clients/index.js';
import { ServerConfig } from '../../config/index.js';
import { formatScope, grantsApi, parseSecret } from '../../protocol/index.js';
import { AccessTokenReader, type ReadAccessToken } from '../access-token-reader.js';
import { type ClientRequest, ClientRequests } from '../client-requests.service.js';
import { type InspectedRefreshToken, RefreshFamilies } from '../refresh/index.js';
import { TokenLookUps } from '../token-look-ups.js';

/** RFC 7662 §2.2: one answer for every token that is not active, or not the asker's business. */
const inactive = '{"active":false}';

/** `POST /oauth/introspect` (RFC 7662), past the wire. */
@Injectable()
export class IntrospectionEndpoint {
  constructor(
    @Inject(ServerConfig) private readonly server: ServerConfig,
    @Inject(ClientRequests) private readonly requests: ClientRequests,
    @Inject(AccessTokenReader) private readonly tokens: AccessTokenReader,
    @Inject(TokenLookUps) private readonly lookUps: TokenLookUps,
    @Inject(RefreshFamilies) private readonly families: RefreshFamilies,
  ) {}

  /**
   * What the client may know of `token` now: by the database, never from a cache. The type hint is not needed (RFC 7662 §2.1).
   *
   * @returns the JSON of RFC 7662 §2.2
   * @throws OAuthError `invalid_client`
   * @throws DatabaseUnavailable
   */
  async answer(request: ClientRequest, token: string): Promise<string> {
    return this.requests.answer(request, ({ client }) =>
      parseSecret(token)?.kind === 'signet_rt' ? this.ofRefreshToken(client, token) : this.ofAccessToken(client, token),
    );
  }

  private async ofAccessToken(client: ClientSnapshot, token: string): Promise<string | undefined> {
    const read = await this.tokens.read(token);
    const told = read !== undefined && mayKnow(client, read) ? read : undefined;
    const { clientIsCurrent, isLive } = await this.lookUps.ask({ client, token: told?.claims });
    if (!clientIsCurrent) return undefined;
    return told === undefined || !isLive ? inactive : accessTokenJson(told);
  }

  private async ofRefreshToken(client: ClientSnapshot, token: string): Promise<string | undefined> {
    const [{ clientIsCurrent }, found] = await Promise.all([
      this.lookUps.ask({ client, token: undefined }),
      this.families.inspect(token),
    ]);
    if (!clientIsCurrent) return undefined;
    const mayKnowIt = found !== undefined && (found.clientId === client.clientId || mayKnowAll(client));
    return mayKnowIt ? refreshTokenJson(this.server.issuer, found) : inactive;
  }
}

/** Whether the token is the client's own, or for an API that it serves, or the client may know all (http-api.md). */
function mayKnow(client: ClientSnapshot, { claims }: ReadAccessToken): boolean {
  if (claims.client_id === client.clientId) return true;
  const serves = (audience: string) => client.resourceIdentifiers.includes(audience);
  return (typeof claims.aud === 'string' ? serves(claims.aud) : claims.aud.some(serves)) || mayKnowAll(client);
}

function mayKnowAll(client: ClientSnapshot): boolean {
  return grantsApi(client.scope, 'oauth:introspect');
}

/** The claims of the token, as it was signed, are the members that RFC 7662 §2.2 asks for. */
function accessTokenJson({ claims, json }: ReadAccessToken): string {
  const type = claims.cnf?.jkt === undefined ? 'Bearer' : 'DPoP';
  return `{"active":true,"token_type":"${type}",${json.slice(1)}`;
}

function refreshTokenJson(issuer: string, token: InspectedRefreshToken): string {
  return JSON.stringify({
    active: true,
    token_type: 'refresh_token',
    iss: issuer,
    sub: token.clientId,
    client_id: token.clientId,
    // A string where it is one, as in an access token.
    aud: token.audience.length === 1 ? token.audience[0] : token.audience,
    scope: formatScope(token.scope),
    iat: token.issuedAt,
    exp: token.expiresAt,
    jti: token.tokenId,
  });
}
