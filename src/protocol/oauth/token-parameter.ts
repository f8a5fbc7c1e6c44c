import { type Form, repeated, singleParameter } from '../form.js';
import { invalidRequest } from './error.js';

/**
 * The token that an introspection or revocation request is about (RFC 7662 §2.1, RFC 7009 §2.1). The hint about its type is
 * read by nobody: a token tells its kind by its form.
 *
 * @throws OAuthError `invalid_request` if `token` is missing, or a parameter is repeated
 */
export function readTokenParameter(form: Form): string {
  for (const [name, values] of form) if (values.length > 1) throw repeated(name);
  const token = singleParameter(form, 'token');
  if (token === undefined) throw invalidRequest('the parameter token is missing');
  return token;
}
