import { errors } from 'undici';
import { EgressError, type EgressErrorCode, egressErrorOf, tlsErrorOf } from './egress-error.js';

function systemError(code: string, message = code): Error {
  return Object.assign(new Error(message), { code });
}

describe('the class of what went wrong', () => {
  it.each<[cause: unknown, ofPublic: EgressErrorCode, ofListed: EgressErrorCode]>([
    [systemError('ECONNREFUSED'), 'refused', 'refused'],
    [systemError('ECONNRESET'), 'refused', 'refused'],
    [systemError('EHOSTUNREACH'), 'refused', 'refused'],
    [systemError('ENETUNREACH'), 'refused', 'refused'],
    [systemError('ENOTFOUND'), 'refused', 'refused'],
    [systemError('EAI_AGAIN'), 'refused', 'refused'],
    [new AggregateError([systemError('ETIMEDOUT')]), 'refused', 'refused'],
    [new errors.SocketError('other side closed'), 'refused', 'refused'],
    [new errors.SocketError('bad response'), 'invalid_response', 'invalid_response'],
    [new errors.SocketError('bad upgrade'), 'invalid_response', 'invalid_response'],
    [systemError('HPE_INVALID_CONSTANT'), 'invalid_response', 'refused'],
    [new errors.ResponseContentLengthMismatchError(), 'invalid_response', 'invalid_response'],
    [new errors.HeadersOverflowError(), 'too_large', 'too_large'],
    [new errors.HeadersTimeoutError(), 'timeout', 'timeout'],
    [new errors.BodyTimeoutError(), 'timeout', 'timeout'],
    [new EgressError('target_not_allowed'), 'target_not_allowed', 'target_not_allowed'],
    ['a text', 'refused', 'refused'],
    [undefined, 'refused', 'refused'],
  ])('%p: %s in public, %s in a listed network', (cause, ofPublic, ofListed) => {
    expect(egressErrorOf(cause, false).code).toBe(ofPublic);
    expect(egressErrorOf(cause, true).code).toBe(ofListed);
  });

  it.each<[code: string, verified: boolean, ofPublic: EgressErrorCode, ofListed: EgressErrorCode]>([
    ['CERT_HAS_EXPIRED', true, 'tls_error', 'tls_error'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', false, 'tls_error', 'tls_error'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', false, 'tls_error', 'tls_error'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', false, 'tls_error', 'tls_error'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', false, 'tls_error', 'refused'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', false, 'tls_error', 'refused'],
    ['EPROTO', false, 'tls_error', 'refused'],
    ['ECONNRESET', false, 'refused', 'refused'],
  ])('in the handshake, %s (certificate refused: %s): %s in public, %s in a listed network', (...row) => {
    const [code, verified, ofPublic, ofListed] = row;
    expect(tlsErrorOf(systemError(code), verified, false).code).toBe(ofPublic);
    expect(tlsErrorOf(systemError(code), verified, true).code).toBe(ofListed);
  });

  it('says nothing of its cause', () => {
    const { message } = egressErrorOf(systemError('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.1:22'), true);
    expect(message).toBe('the target cannot be reached');
  });
});
