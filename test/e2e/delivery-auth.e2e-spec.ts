import { decodeJwt } from 'jose';
import { onBothBackends } from '../support/both-backends.js';
import { type Received, until } from '../support/receiver.js';

onBothBackends('a delivery with a token', (tests) => {
  const { given } = tests;
  const service = () => tests.server.createClient({ client_name: 'service', scope: 'read:profile read:groups' });
  const originOf = (url: string) => new URL(url).origin;

  given('carries one of the owner, for this receiver alone, that is recorded like any other', async () => {
    const { url, received } = await tests.receiver();
    const { client_id } = await service();
    const { id } = await tests.road.subscribe(url, { client_id, auth: { type: 'oauth2', scope: 'read:profile' } });
    await tests.road.publish({}, {});
    await until(() => tests.road.allAre('succeeded', 2, id));

    const [first, second] = received.map(bearerOf);
    expect(second).toBe(first);
    const claims = decodeJwt(first ?? '');
    expect(claims).toMatchObject({
      iss: tests.server.issuer,
      sub: client_id,
      client_id,
      aud: originOf(url),
      scope: 'read:profile',
    });
    const tokens = await tests.server.asAdmin('GET', `/admin/oauth/tokens?client_id=${client_id}`);
    expect(await tokens.json()).toMatchObject({ items: [{ jti: claims.jti, scope: 'read:profile' }] });
    const log = await tests.server.asAdmin('GET', `/admin/oauth/audit-logs?client_id=${client_id}&action=token.issued`);
    expect(await log.json()).toMatchObject({
      items: [{ target_id: claims.jti, details: { grant_type: 'event_delivery', aud: [originOf(url)] } }],
    });
  });

  given('carries one that statistics do not count, issued or revoked: they are of the token endpoint', async () => {
    const counted = async (): Promise<unknown> => {
      const answer = await tests.server.asAdmin('GET', '/admin/oauth/statistics');
      const { tokens, top_clients: top } = (await answer.json()) as Record<'tokens' | 'top_clients', unknown>;
      return { tokens, top };
    };
    const { url, received } = await tests.receiver();
    const { client_id } = await service();
    const { id } = await tests.road.subscribe(url, { client_id, auth: { type: 'oauth2', scope: 'read:profile' } });
    const before = await counted();
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', 1, id));
    expect(await counted()).toEqual(before);
    const { jti } = decodeJwt(received.map(bearerOf)[0] ?? '');
    expect((await tests.server.asAdmin('POST', `/admin/oauth/tokens/${jti}/revoke`, {})).status).toBe(204);
    expect(await counted()).toEqual(before);
  });

  given('carries a new one after the receiver has refused it, and after the subscription has changed', async () => {
    const { url, received } = await tests.receiver(({ headers }) => (headers['webhook-attempt'] === '1' ? 401 : 204));
    const { client_id } = await service();
    const resource = `${originOf(url)}/hook`;
    const auth = { type: 'oauth2', scope: 'read:profile', resource };
    const { id } = await tests.road.subscribe(url, { client_id, auth, retry: { backoff_seconds: [1] } });
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', 1, id));
    await tests.road.change(id, { auth: { scope: 'read:groups' } });
    await tests.road.publish({});
    await until(() => tests.road.allAre('succeeded', 2, id));

    const tokens = received.map((one) => decodeJwt(bearerOf(one) ?? ''));
    expect(tokens.every(({ aud }) => aud === resource)).toBe(true);
    expect(tokens.map(({ scope }) => scope)).toEqual(['read:profile', 'read:profile', 'read:groups', 'read:groups']);
    expect(tokens[0]?.jti).not.toBe(tokens[1]?.jti);
  });

  given('M-23: is not sent once its owner may not have that token any more', async () => {
    const { url, received } = await tests.receiver();
    const { client_id } = await service();
    const auth = { type: 'oauth2', scope: 'read:profile' };
    const { id } = await tests.road.subscribe(url, { client_id, auth, retry: { backoff_seconds: [1] } });
    await tests.server.asAdmin('PATCH', `/admin/oauth/clients/${client_id}`, { scope: 'read:groups' });
    await tests.road.publish({});
    await until(() => tests.road.allAre('dead', 1, id));

    expect(received).toEqual([]);
    expect((await tests.road.delivery(id)).attempts).toMatchObject([
      { status_code: null, error: 'auth_failed', response_excerpt: null },
      { status_code: null, error: 'auth_failed', response_excerpt: null },
    ]);
  });

  given('is not sent for a client that is disabled, or whose tokens are bound to a key', async () => {
    for (const members of [{ status: 'disabled' }, { dpop_bound_access_tokens: true }]) {
      const { url, received } = await tests.receiver();
      const { client_id } = await service();
      const auth = { type: 'oauth2', scope: 'read:profile' };
      const { id } = await tests.road.subscribe(url, { client_id, auth, retry: { backoff_seconds: [1] } });
      const changed = await tests.server.asAdmin('PATCH', `/admin/oauth/clients/${client_id}`, members);
      expect(changed.status).toBe(200);
      await tests.road.publish({});
      await until(() => tests.road.allAre('dead', 1, id));
      expect(received).toEqual([]);
      await tests.road.clear();
    }
  });
});

function bearerOf({ headers }: Received): string | undefined {
  return headers.authorization?.replace(/^Bearer /, '');
}
