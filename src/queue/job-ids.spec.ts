import { formatSecret } from '../protocol/index.js';
import { checkJobIds } from './job-ids.js';

describe('checkJobIds', () => {
  it('takes identifiers', () => {
    const ids = { deliveryId: '01938c1e-7d3a-7c4b-9d7e-0a1b2c3d4e5f', clientId: 'billing.api_2~x' };
    expect(checkJobIds(ids)).toBe(ids);
  });

  it.each([
    ['an empty value', ''],
    ['a sentence', 'hello world'],
    ['JSON', '{"a":1}'],
    ['a token', `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}`],
    ['a client secret', formatSecret('signet_cs', 'abcdefgh', new Uint8Array(32).fill(7))],
  ])('refuses %s and does not repeat it', (_, value) => {
    expect(() => checkJobIds({ deliveryId: value })).toThrow(
      new TypeError('job data: deliveryId is not an identifier'),
    );
  });

  it('refuses a nested object', () => {
    const payload = { deliveryId: { email: 'a@example.com' } } as unknown as Record<string, string>;
    expect(() => checkJobIds(payload)).toThrow(TypeError);
  });
});
