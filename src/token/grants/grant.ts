import type { RequestOrigin } from '../../audit/index.js';
import type { ClientSnapshot } from '../../clients/index.js';
import type { Confirmation, TokenRequest } from '../../protocol/index.js';
import type { RegisteredScopes } from '../../scopes/index.js';

/** What a decision about a token request rests on, as it was at one moment. */
export interface TokenView {
  readonly client: ClientSnapshot;
  readonly scopes: RegisteredScopes;
  /** What the token is to be bound to. */
  readonly confirmation: Confirmation | undefined;
}

/** The answer of the token endpoint (RFC 6749 §5.1), already serialised. */
export interface TokenResponse {
  readonly json: string;
}

/**
 * One way of getting a token. The endpoint looks grants up by their type and knows none by name.
 *
 * `issue` decides on `view` and commits against it: `undefined` means that the client, the scope registry or the signing key
 * has changed since, nothing was written, and the request is to be decided again on a fresh view.
 */
export interface Grant {
  /** The `grant_type` (RFC 6749 §4, §6; extension grants §4.5). */
  readonly type: string;

  /**
   * @throws OAuthError when the client may not have what it asks for
   * @throws DatabaseUnavailable when the token cannot be made durable
   */
  issue(request: TokenRequest, view: TokenView, origin: RequestOrigin): Promise<TokenResponse | undefined>;
}
