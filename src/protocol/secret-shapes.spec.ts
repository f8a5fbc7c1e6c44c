import { formatSecret } from './generated-secret.js';
import { withoutSecrets } from './secret-shapes.js';

const secret = formatSecret('signet_cs', 'abcdEFGH', new Uint8Array(32).fill(7));
const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJiaWxsaW5nIn0.c2lnbmF0dXJl-_A';

it.each([
  [secret, '[signet_cs]'],
  [secret.slice(0, 30), '[signet_cs]'],
  [`curl ${secret} twice ${secret}`, 'curl [signet_cs] twice [signet_cs]'],
  [formatSecret('signet_rt', 'abcdEFGH', new Uint8Array(32).fill(9)), '[signet_rt]'],
  ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=', '[whsec]'],
  [jwt, '[jwt]'],
  [`DELETE /admin/oauth/tokens/${jwt}`, 'DELETE /admin/oauth/tokens/[jwt]'],
  [jwt.slice(0, 40), '[jwt]'],
  [`"${secret}"`, '"[signet_cs]"'],
])('%s becomes %s', (text, left) => {
  expect(withoutSecrets(text)).toBe(left);
});

it.each(['billing', 'signet_', 'signet/1.0 (eyJ)', 'whsec_…', 'a.b.c', ''])('%s stays', (text) => {
  expect(withoutSecrets(text)).toBe(text);
});
