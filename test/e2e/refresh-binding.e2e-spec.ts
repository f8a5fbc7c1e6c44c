/** Refresh tokens that were begun with a key (RFC 9449 §5) or a certificate (RFC 8705 §4): they go on only with one. */
import { decodeJwt } from 'jose';
import { byteSequence, certificateOne, certificateTwo } from '../support/certificates.js';
import { dpopProof, type ProofKey, proofKey } from '../support/dpop.js';
import { expectOAuthError, Ledger } from '../support/refusal.js';
import { answerOf, type RefreshAnswer, renewing } from '../support/refresh-tokens.js';
import { basic, type Credentials, startServer, type TestServer } from '../support/server.js';

let server: TestServer;
let ledger: Ledger;

beforeAll(async () => {
  server = await startServer({ env: { TRUST_PROXY: '127.0.0.1' } });
  ledger = await Ledger.open(server);
});

afterAll(async () => {
  await ledger?.close();
  await server?.stop();
});

const newClient = (members: Record<string, unknown> = {}) =>
  server.createClient({ client_name: 'R', scope: 'read:profile', ...renewing, ...members });

type Headers = Record<string, string>;

function post(client: Credentials, form: Record<string, string>, headers: Headers): Promise<Response> {
  const init = { method: 'POST', body: new URLSearchParams(form) };
  return server.fetch('/oauth/token', { ...init, headers: { authorization: basic(client), ...headers } });
}

const begin = async (client: Credentials, headers: Headers) =>
  answerOf(await post(client, { grant_type: 'client_credentials' }, headers));

const refresh = (client: Credentials, { refresh_token }: RefreshAnswer, headers: Headers = {}) =>
  post(client, { grant_type: 'refresh_token', refresh_token }, headers);

const proofOf = (key: ProofKey): Headers => ({ dpop: dpopProof(key, 'POST', `${server.issuer}/oauth/token`) });

const confirmationOf = ({ access_token }: RefreshAnswer) => decodeJwt(access_token)['cnf'];

describe('a key', () => {
  const key = proofKey();

  it('binds every access token of the family', async () => {
    const client = await newClient({ dpop_bound_access_tokens: true });
    const begun = await begin(client, proofOf(key));
    expect(begun).toMatchObject({ token_type: 'DPoP' });
    expect(confirmationOf(begun)).toEqual({ jkt: key.jkt });
    const renewed = await answerOf(await refresh(client, begun, proofOf(key)));
    expect(renewed).toMatchObject({ token_type: 'DPoP' });
    expect(confirmationOf(renewed)).toEqual({ jkt: key.jkt });
  });

  it.each([
    ['of a client whose tokens must be bound', true],
    ['of a client that chose to bind its tokens', false],
  ])('J-29: %s: refused without a proof, and the token is not used up', async (_, bound) => {
    const client = await newClient({ dpop_bound_access_tokens: bound });
    const begun = await begin(client, proofOf(key));
    const { response } = await ledger.refused(() => refresh(client, begun));
    await expectOAuthError(response, 400, 'invalid_dpop_proof');
    await answerOf(await refresh(client, begun, proofOf(key)));
  });

  it('J-29: refused with a bad proof, and with one that was used, and the token is not used up', async () => {
    const client = await newClient();
    const proof = proofOf(key);
    const begun = await begin(client, proof);
    await expectOAuthError(await refresh(client, begun, proof), 400, 'invalid_dpop_proof');
    const elsewhere = { dpop: dpopProof(key, 'POST', `${server.issuer}/oauth/revoke`) };
    await expectOAuthError(await refresh(client, begun, elsewhere), 400, 'invalid_dpop_proof');
    await answerOf(await refresh(client, begun, proofOf(key)));
  });

  it('may be another one, since the client authenticates itself', async () => {
    const client = await newClient();
    const other = proofKey();
    const renewed = await answerOf(await refresh(client, await begin(client, proofOf(key)), proofOf(other)));
    expect(confirmationOf(renewed)).toEqual({ jkt: other.jkt });
  });

  it('may come to a family that was begun without, for this access token', async () => {
    const client = await newClient();
    const renewed = await answerOf(await refresh(client, await begin(client, {}), proofOf(key)));
    expect(confirmationOf(renewed)).toEqual({ jkt: key.jkt });
    expect(await answerOf(await refresh(client, renewed))).toMatchObject({ token_type: 'Bearer' });
  });
});

describe('a certificate', () => {
  const one = { 'client-cert': byteSequence(certificateOne) };
  const two = { 'client-cert': byteSequence(certificateTwo) };
  const bound = { tls_client_certificate_bound_access_tokens: true };

  it('binds every access token of the family, and must be the same', async () => {
    const client = await newClient(bound);
    const begun = await begin(client, one);
    expect(confirmationOf(begun)).toEqual({ 'x5t#S256': certificateOne.thumbprint });
    const { response, entry } = await ledger.refused(() => refresh(client, begun, two));
    await expectOAuthError(response, 400, 'invalid_grant');
    expect(entry.details).toMatchObject({ reason: 'other_certificate' });
    await expectOAuthError(await refresh(client, begun), 400, 'invalid_request');
    const renewed = await answerOf(await refresh(client, begun, one));
    expect(confirmationOf(renewed)).toEqual({ 'x5t#S256': certificateOne.thumbprint });
  });

  it('binds the family, though the client is not bound any more', async () => {
    const client = await newClient(bound);
    const begun = await begin(client, one);
    const path = `/admin/oauth/clients/${client.client_id}`;
    const loosened = { tls_client_certificate_bound_access_tokens: false };
    expect((await server.asAdmin('PATCH', path, loosened)).status).toBe(200);
    await expectOAuthError(await refresh(client, begun), 400, 'invalid_grant');
    await expectOAuthError(await refresh(client, begun, one), 400, 'invalid_grant');
  });
});
