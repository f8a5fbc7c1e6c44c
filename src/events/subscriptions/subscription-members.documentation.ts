import {
  count,
  list,
  mapOf,
  type MemberSchemas,
  nullable,
  object,
  oneOf,
  type Schema,
  text,
} from '../../openapi/index.js';
import type { SubscriptionAnswer } from './subscription.answer.js';
import { defaultSettings } from './subscription.js';

type SettingName = Exclude<
  keyof SubscriptionAnswer,
  'id' | 'paused_reason' | 'secrets' | 'created_by' | 'created_at' | 'updated_at'
>;

const filterExample = { subject: [{ prefix: 'eu-' }], 'data.amount': [{ gte: 10 }] };

/** What may be set of a subscription, as its answers show it. */
export const settingSchemas: MemberSchemas<Pick<SubscriptionAnswer, SettingName>> = {
  name: text('Its name, for people.', 'Invoices'),
  delivery: oneOf('`push`: the server calls `url`; `poll`: the owner reads `GET /events/poll`.', ['push', 'poll']),
  url: nullable(
    text(
      'Where events are sent: `https`, or `http` into a network of `EVENT_TARGET_NETWORKS`. Required for `push`, refused for `poll`.',
      'https://billing.example.com/hooks',
      { format: 'uri' },
    ),
  ),
  event_types: list(
    'Which events, by type: exact, or a glob. `order.*` is everything below `order.`, `*` everything.',
    text('A type or a glob.', 'order.*'),
  ),
  source: nullable(text('Only events of this `source`; `null`: of any.', 'shop'), null),
  filter: nullable(
    mapOf(
      'Only events with this content: of each path one condition must hold. `null`: any.',
      list('A text, a number, true, false, null, or an object of operators.', {}),
      filterExample,
    ),
  ),
  client_id: nullable(
    text('The owner: the client whose token is sent, and who polls. For a `poll` the caller unless given.', 'billing'),
    null,
  ),
  headers: mapOf('Headers beside those of the server. They are shown to admins.', text('A value.', 'eu'), {
    'X-Region': 'eu',
  }),
  retry: object({
    backoff_seconds: list(
      'How long to wait before the second, third, … attempt; that of the server unless given. Empty: there is one attempt alone.',
      count('Seconds; 0: at once.', 1, { minimum: 0, maximum: 86_400 }),
      { maxItems: 20, examples: [[1, 2, 4]] },
    ),
  }),
  timeout_ms: count('How long one attempt may take.', 10_000),
  max_in_flight: count('How many events are sent at the same time.', 10),
  rate_limit_per_second: nullable(count('Events per second; `null`: no limit.', 100), null),
  ordering: oneOf('`subject`: the events of one source and subject are sent one after another, in their order.', [
    'none',
    'subject',
  ]),
  auth: {
    ...object<SubscriptionAnswer['auth']>(
      {
        type: oneOf('`oauth2`: each delivery carries an access token of `client_id`.', ['none', 'oauth2']),
        scope: text('Of that token, space-delimited; all that the client may have unless given.', 'read:profile'),
        resource: text(
          'Its audience, of the same origin as `url`; that origin unless given.',
          'https://billing.example.com',
        ),
      },
      ['scope', 'resource'],
    ),
    examples: [{ type: 'none' }],
  },
  status: oneOf('Events for `paused` subscriptions are held, and flow once it is `active`.', ['active', 'paused']),
};

const defaults: Readonly<Record<string, unknown>> = {
  delivery: defaultSettings.delivery,
  headers: defaultSettings.headers,
  timeout_ms: defaultSettings.timeoutMs,
  max_in_flight: defaultSettings.maxInFlight,
  ordering: defaultSettings.ordering,
  auth: { type: defaultSettings.authType },
  status: defaultSettings.status,
};

/** What a new subscription or a change may say, with the value of each member that is left out. */
export const subscriptionMembers: Readonly<Record<string, Schema>> = Object.fromEntries(
  Object.entries(settingSchemas).map(([name, schema]) => [
    name,
    { ...partial(name, schema), ...(name in defaults ? { default: defaults[name] } : {}) },
  ]),
);

/** In a request none of the members of these two is required, and any of them may be `null`. */
function partial(name: string, schema: Schema): Schema {
  if (name !== 'auth' && name !== 'retry') return schema;
  const properties = Object.entries(schema['properties'] as Readonly<Record<string, Schema>>);
  return {
    ...schema,
    required: [],
    additionalProperties: false,
    properties: Object.fromEntries(properties.map(([member, of]) => [member, nullable(of)])),
  };
}
