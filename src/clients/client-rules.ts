import { clientAssertionAlgorithms, readClientAssertionKey } from '../protocol/index.js';
import { authenticatesWithKey } from './client-capabilities.js';
import type { Report } from './client-jwks.js';
import { namedTlsSubjects, tlsSubjectMembers } from './client-tls-subject.js';
import type { ClientSettings } from './client.js';

/**
 * Reports settings that are right one by one and wrong together: a client that could not authenticate, or not be told apart.
 *
 * @param withKeys whether the keys of the client are to be judged too
 */
export function reportContradictions(settings: ClientSettings, withKeys: boolean, report: Report): void {
  const { grantTypes, jwks, jwksUri, tokenEndpointAuthMethod: method } = settings;
  if (settings.tokenCoalescingSeconds > 0 && grantTypes.includes('refresh_token')) {
    report('/token_coalescing_seconds', 'excludes the grant refresh_token, whose tokens are never shared');
  }
  if (jwks !== null && jwksUri !== null) report('/jwks_uri', 'jwks and jwks_uri exclude each other (RFC 7591 §2)');
  if (authenticatesWithKey(method) && jwks === null && jwksUri === null) {
    report('/token_endpoint_auth_method', `${method} needs jwks or jwks_uri`);
  }
  if (
    withKeys &&
    method === 'private_key_jwt' &&
    jwks?.keys.every((jwk) => readClientAssertionKey(jwk) === undefined)
  ) {
    report('/jwks/keys', `private_key_jwt needs a key for one of ${clientAssertionAlgorithms.join(', ')}`);
  }
  reportTlsSubjects(settings, report);
}

/** RFC 8705 §2.1.2: a client with `tls_client_auth` has exactly one of them; for others they would say nothing. */
function reportTlsSubjects(settings: ClientSettings, report: Report): void {
  const named = namedTlsSubjects(settings);
  if (settings.tokenEndpointAuthMethod !== 'tls_client_auth') {
    for (const name of named) report(`/${name}`, 'belongs to the token_endpoint_auth_method tls_client_auth');
  } else if (named.length === 0) {
    report('/token_endpoint_auth_method', `tls_client_auth needs one of ${tlsSubjectMembers.join(', ')}`);
  } else {
    for (const name of named.slice(1)) report(`/${name}`, `excludes ${named[0]} (RFC 8705 §2.1.2)`);
  }
}
