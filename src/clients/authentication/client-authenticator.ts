import { Inject, Injectable } from '@nestjs/common';
import type { ClientCertificate } from '../../binding/index.js';
import { cidrContains, type ClientCredentials } from '../../protocol/index.js';
import type { OneTimeIdentifier } from '../../replay/index.js';
import { AssertionCheck, type AssertionFault } from './assertion-check.js';
import { CertificateCheck, type CertificateFault } from './certificate-check.js';
import type { ClientSnapshot } from './client-snapshot.js';
import { SecretCheck, type SecretFault } from './secret-check.js';

/** Why an authentication failed: for the audit log, never for the client (security.md A-01). */
export type AuthenticationFault =
  | 'unknown_client'
  | 'client_disabled'
  | 'wrong_auth_method'
  | 'network_not_allowed'
  | SecretFault
  | CertificateFault
  | AssertionFault;

/** What the client proved itself with, or why it was refused. */
export type AuthenticationResult =
  | {
      /** The secret that was presented; `null` where it was something else. */
      readonly secretId: string | null;
      /** To be used up before anything rests on the authentication; a second use is a refusal. */
      readonly once?: OneTimeIdentifier;
      readonly fault?: undefined;
    }
  | { readonly secretId?: undefined; readonly once?: undefined; readonly fault: AuthenticationFault };

/** Where a request came from. */
export interface AuthenticationContext {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Address of the client. */
  readonly address: string;
  readonly certificate: ClientCertificate | undefined;
}

type SecretCredentials = Extract<ClientCredentials, { clientSecret: string }>;
type AssertionCredentials = Extract<ClientCredentials, { method: 'client_assertion' }>;

const secretMethods: readonly string[] = ['client_secret_basic', 'client_secret_post'];
const assertionMethods: readonly string[] = ['private_key_jwt'];
const certificateMethods: readonly string[] = ['tls_client_auth', 'self_signed_tls_client_auth'];

/**
 * Authenticates clients, each by the method that it is registered for (RFC 6749 §2.3, RFC 7523 §2.2, RFC 8705 §2).
 *
 * Every outcome of a method costs the same work over what was presented, for a client that does not exist as well.
 */
@Injectable()
export class ClientAuthenticator {
  constructor(
    @Inject(SecretCheck) private readonly secrets: SecretCheck,
    @Inject(AssertionCheck) private readonly assertions: AssertionCheck,
    @Inject(CertificateCheck) private readonly certificates: CertificateCheck,
  ) {}

  /** Checks `credentials` against the client as it is in `snapshot`; a secret at once, without a promise. */
  authenticate(
    credentials: ClientCredentials,
    snapshot: ClientSnapshot | undefined,
    context: AuthenticationContext,
  ): AuthenticationResult | Promise<AuthenticationResult> {
    switch (credentials.method) {
      case 'client_assertion':
        return this.byAssertion(credentials, snapshot, context);
      case 'tls_client':
        return this.byCertificate(snapshot, context);
      default:
        return this.bySecret(credentials, snapshot, context);
    }
  }

  private bySecret(
    { clientSecret }: SecretCredentials,
    snapshot: ClientSnapshot | undefined,
    context: AuthenticationContext,
  ): AuthenticationResult {
    const secret = this.secrets.check(clientSecret, snapshot?.secrets ?? [], context.now);
    if (snapshot === undefined) return { fault: 'unknown_client' };
    if (secret.fault !== undefined) return { fault: secret.fault };
    const fault = refusalOf(snapshot, secretMethods, context);
    return fault === undefined ? { secretId: secret.secretId } : { fault };
  }

  private async byAssertion(
    { assertion, clientId }: AssertionCredentials,
    snapshot: ClientSnapshot | undefined,
    context: AuthenticationContext,
  ): Promise<AuthenticationResult> {
    const refusal = snapshot === undefined ? 'unknown_client' : refusalOf(snapshot, assertionMethods, context);
    const checked = await this.assertions.check(assertion, refusal === undefined ? snapshot : undefined, context.now);
    if (refusal !== undefined) return { fault: refusal };
    if (typeof checked === 'string') return { fault: checked };
    const { identifier, expiresAt } = checked;
    return { secretId: null, once: { purpose: 'client_assertion', owner: clientId, identifier, expiresAt } };
  }

  private async byCertificate(
    snapshot: ClientSnapshot | undefined,
    context: AuthenticationContext,
  ): Promise<AuthenticationResult> {
    if (context.certificate === undefined) return { fault: 'no_credentials' };
    const refusal = snapshot === undefined ? 'unknown_client' : refusalOf(snapshot, certificateMethods, context);
    const client = refusal === undefined ? snapshot : undefined;
    const fault = await this.certificates.check(context.certificate, client, context.now);
    return refusal === undefined && fault === undefined
      ? { secretId: null }
      : { fault: refusal ?? fault ?? 'unknown_client' };
  }
}

/** What keeps a client out whatever it presents. */
function refusalOf(
  snapshot: ClientSnapshot,
  methods: readonly string[],
  { address }: AuthenticationContext,
): AuthenticationFault | undefined {
  if (snapshot.status !== 'active') return 'client_disabled';
  if (!methods.includes(snapshot.authenticationMethod)) return 'wrong_auth_method';
  const { allowedNetworks } = snapshot;
  if (allowedNetworks.length > 0 && !cidrContains(allowedNetworks, address)) return 'network_not_allowed';
  return undefined;
}
