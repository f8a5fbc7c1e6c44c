import { type DpopKey, dpopKey } from './dpop.js';
import { readEnvironment } from './environment.js';
import type { TokenTarget } from './token-request.js';
import { type TokenManagerOptions, type TokenSource, tokenSource, type UsableToken } from './token-source.js';

/**
 * Keeps the tokens of a service: one per scope and resource, asked for once however many wait for it, renewed ahead of its end
 * while the old one goes on serving, and asked for less and less often while the server fails.
 */
export class TokenManager {
  readonly #source: TokenSource;
  readonly #dpop: DpopKey | undefined;

  /** @throws TypeError for what is missing, or does not go together */
  constructor(options: TokenManagerOptions | { readonly token: string }) {
    if ('token' in options) {
      if (!options.token) throw new TypeError('the token is missing');
      const given = { value: options.token, type: 'Bearer', scope: '', expiresAt: new Date(8.64e15) } as const;
      this.#source = async () => given;
    } else {
      this.#dpop = options.dpop === true ? dpopKey() : undefined;
      this.#source = tokenSource(options, this.#dpop);
    }
  }

  /**
   * Reads `SERVICE_TOKEN`, or `SERVICE_TOKEN_URL`, `SERVICE_CLIENT_ID` and `SERVICE_CLIENT_SECRET`.
   *
   * @throws TypeError that names what is missing
   */
  static fromEnvironment(
    env: Readonly<Record<string, string | undefined>> = process.env,
    options: Omit<TokenManagerOptions, 'credentials' | 'tokenUrl'> = {},
  ): TokenManager {
    const read = readEnvironment(env);
    return new TokenManager('token' in read ? read : { ...options, ...read });
  }

  /**
   * A token that is good now. While it lives, a failing renewal fails nobody.
   *
   * @throws TokenRequestError when there is none and none can be had
   */
  token(target: TokenTarget = {}): Promise<UsableToken> {
    return this.#source(target);
  }

  /**
   * A token other than `refused`, which an API did not take: of all who were refused with it, one asks.
   *
   * @throws TokenRequestError
   */
  replace(refused: string, target: TokenTarget = {}): Promise<UsableToken> {
    return this.#source(target, refused);
  }

  /** The headers that go with a request: the token, and the proof that it is ours where it is bound. */
  async headers(method: string, url: string, { type, value }: UsableToken): Promise<Record<string, string>> {
    const authorization = `${type} ${value}`;
    if (type === 'Bearer' || this.#dpop === undefined) return { authorization };
    return { authorization, dpop: await this.#dpop.proof(method, url, value) };
  }

  /** Remembers the DPoP nonce of an API. @returns whether there was a new one */
  async takeNonce(url: string, headers: Headers): Promise<boolean> {
    return this.#dpop?.takeNonce(url, headers) === true;
  }
}
