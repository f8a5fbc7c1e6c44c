import { parseDeclaration } from './declaration.js';
import { CommandFailure } from './failure.js';
import { declarationOf, planOf } from './plan.js';

const shop = {
  client_id: 'shop',
  client_name: 'Shop',
  description: null,
  status: 'active',
  grant_types: ['client_credentials'],
  token_endpoint_auth_method: 'client_secret_basic',
  scope: 'orders:read orders:write',
  audience: ['https://a.example', 'https://b.example'],
  refresh_token_grace_seconds: 0,
  dpop_bound_access_tokens: false,
  rate_limit_per_minute: 60,
  metadata: { team: 'a', tier: '1' },
  secrets: [{ secret_id: 'x' }],
  created_at: '2026-01-01T00:00:00Z',
};
const present = {
  scopes: [
    { name: 'orders:read', description: 'Read orders' },
    { name: 'admin:full', description: '' },
  ],
  clients: [shop],
  subscriptions: [
    {
      id: '019a0000-0000-7000-8000-000000000001',
      name: 'orders',
      delivery: 'push',
      url: 'https://receiver.example/hook',
      event_types: ['order.*', 'oauth.*'],
      source: null,
      retry: { backoff_seconds: [1, 2, 4] },
      auth: { type: 'oauth2', scope: 'orders:read', resource: 'https://receiver.example' },
      timeout_ms: 10_000,
      status: 'active',
      created_at: '2026-01-01T00:00:00Z',
    },
  ],
};

function plan(text: string) {
  return planOf(parseDeclaration(text, 'signet.yaml'), present);
}

describe('a plan', () => {
  it('is empty for what is as it was declared, in whatever order', () => {
    const text = `
      scopes: [{ name: orders:read, description: Read orders }]
      clients:
        - client_id: shop
          scope: orders:write orders:read
          audience: [https://b.example, https://a.example]
          description: null
          grant_types: null
          metadata: { tier: "1", team: a }
      subscriptions:
        - name: orders
          url: https://receiver.example/hook
          event_types: [oauth.*, order.*]
          auth: { type: oauth2, scope: orders:read }`;
    expect(plan(text)).toEqual([]);
  });

  it('is empty for what was exported', () => {
    const declared = declarationOf(present);
    expect(declared).toEqual({
      scopes: [{ name: 'orders:read', description: 'Read orders' }],
      clients: [
        {
          client_id: 'shop',
          client_name: 'Shop',
          scope: 'orders:read orders:write',
          audience: ['https://a.example', 'https://b.example'],
          rate_limit_per_minute: 60,
          metadata: { team: 'a', tier: '1' },
        },
      ],
      subscriptions: [
        {
          name: 'orders',
          url: 'https://receiver.example/hook',
          event_types: ['order.*', 'oauth.*'],
          retry: { backoff_seconds: [1, 2, 4] },
          auth: { type: 'oauth2', scope: 'orders:read', resource: 'https://receiver.example' },
        },
      ],
    });
    expect(plan(JSON.stringify(declared))).toEqual([]);
  });

  it('creates, changes member by member, and shows what was not declared', () => {
    const text = `
      scopes: [{ name: orders:write }]
      clients:
        - { client_id: worker, client_name: Worker }
        - { client_id: shop, client_name: Store, rate_limit_per_minute: null, metadata: { team: b } }
      subscriptions:
        - { name: orders, auth: { type: none } }
        - { name: new, event_types: ["*"] }`;
    expect(plan(text)).toEqual([
      { action: 'create', kind: 'scope', name: 'orders:write', members: {}, before: {} },
      { action: 'create', kind: 'client', name: 'worker', members: { client_name: 'Worker' }, before: {} },
      {
        action: 'update',
        kind: 'client',
        name: 'shop',
        members: { client_name: 'Store', rate_limit_per_minute: null, metadata: { team: 'b', tier: null } },
        before: { client_name: 'Shop', rate_limit_per_minute: 60, metadata: { team: 'a', tier: '1' } },
      },
      {
        action: 'update',
        kind: 'subscription',
        id: '019a0000-0000-7000-8000-000000000001',
        name: 'orders',
        members: { auth: { type: 'none' } },
        before: { auth: { type: 'oauth2', scope: 'orders:read', resource: 'https://receiver.example' } },
      },
      { action: 'create', kind: 'subscription', name: 'new', members: { event_types: ['*'] }, before: {} },
      { action: 'extra', kind: 'scope', name: 'orders:read', members: {}, before: {} },
    ]);
    expect(plan('')).toHaveLength(3);
  });

  it('needs to know which subscription is meant', () => {
    const twice = { ...present, subscriptions: [{ name: 'orders' }, { name: 'orders' }] };
    const declared = parseDeclaration('subscriptions: [{ name: orders }]', 'signet.yaml');
    expect(() => planOf(declared, twice)).toThrow(CommandFailure);
  });

  it('could not be made of two of one name: they are not exported either', () => {
    const named = (...names: string[]) => ({ ...present, subscriptions: names.map((name) => ({ name })) });
    const refusal = (name: string) => `there are two subscriptions called ${name}; rename one`;
    expect(() => declarationOf(named('a', 'b', 'a', 'b\u001b', 'a', 'b\u001b'))).toThrow(
      new CommandFailure(1, [refusal('a'), refusal('b\\u001b')]),
    );
    expect(declarationOf(named('a', 'b')).subscriptions).toEqual([{ name: 'a' }, { name: 'b' }]);
  });
});

describe('a declaration', () => {
  it.each([
    ['a: [', 'is no YAML'],
    ['clints: []', '/clints: is not known'],
    ['- a', 'must be a mapping'],
    ['clients: {}', '/clients: must be a list'],
    ['clients: [{ client_name: x }]', '/clients/0/client_id: is required'],
    ['clients: [{ client_id: abc }, { client_id: abc }]', 'abc is there twice'],
    ['clients: [{ client_id: abc, client_id: def }]', 'is no YAML'],
    ['scopes: [{ name: x, descripton: y }]', '/scopes/0/descripton: is not known'],
    ['scopes: [{ name: x, description: 1 }]', '/scopes/0/description: must be text'],
    ['subscriptions: [{ url: "https://a.example" }]', '/subscriptions/0/name: is required'],
    ['subscriptions: [{ name: a }, { name: a }]', '/subscriptions: a is there twice'],
    ['subscriptions: [{ name: a, signing_secret: canary }]', '/subscriptions/0/signing_secret: secrets do not belong'],
    ['clients: [{ client_id: abc, client_secret: canary }]', '/clients/0/client_secret: secrets do not belong'],
  ])('is not %s', (text, message) => {
    const read = () => parseDeclaration(text, 'signet.yaml');
    expect(read).toThrow(CommandFailure);
    expect(read).toThrow(message);
    expect(read).not.toThrow('canary');
  });
});
