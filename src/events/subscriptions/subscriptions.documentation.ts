import {
  type Documentation,
  exampleOf,
  extended,
  list,
  named,
  nullable,
  object,
  oneOf,
  pageOfItems,
  pageQuery,
  type Schema,
  text,
  time,
} from '../../openapi/index.js';
import { maxSigningSecrets } from './signing-secrets.service.js';
import { settingSchemas, subscriptionMembers } from './subscription-members.documentation.js';
import type { RotatedSecretAnswer, SubscriptionAnswer, TestAnswer } from './subscription.answer.js';
import { SigningSecretUnreadable, SubscriptionNotFound, TooManySigningSecrets } from './subscriptions.errors.js';

const tag = 'Subscriptions';
const id = text('The subscription.', '0195c1a0-7d2e-7b3c-8f4a-5d6e7f809102');
const secretId = text('Names the secret; no part of it.', '0195c1a0-7d2e-7c4d-9a5b-6e7f80910213');

const signingSecret: Schema = text(
  'What signs its deliveries (Standard Webhooks): `whsec_` and 32 bytes in base64. Shown this once.',
  'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
);

const secret = named(
  'SigningSecret',
  object<SubscriptionAnswer['secrets'][number]>({
    secret_id: secretId,
    created_at: time('When it was made.'),
    expires_at: nullable(time('When it ends; `null`: never.'), null),
  }),
);

const subscription = named(
  'Subscription',
  object<SubscriptionAnswer>({
    id,
    ...settingSchemas,
    paused_reason: nullable(
      text('Why it is paused, if no admin asked for it: `gone` after an answer of 410.', 'gone'),
      null,
    ),
    secrets: list('The signing secrets that are live: never a secret itself.', secret),
    created_by: nullable(text('The client that made it.', 'operator')),
    created_at: time('When it was made.'),
    updated_at: time('When it was last changed.'),
  }),
);

const createdSubscription = named('CreatedSubscription', extended(subscription, { signing_secret: signingSecret }));

const rotatedSecret = named(
  'RotatedSigningSecret',
  object<RotatedSecretAnswer>({
    subscription_id: id,
    signing_secret: signingSecret,
    secret_id: secretId,
    previous_secrets_expire_at: nullable(time('When the last of the older secrets ends; `null`: none signs.'), null),
  }),
);

const example = {
  name: 'Invoices',
  url: 'https://billing.example.com/hooks',
  event_types: ['order.*'],
  filter: exampleOf(settingSchemas.filter),
  retry: { backoff_seconds: [1, 2, 4] },
};

export const listSubscriptions: Documentation = {
  id: 'listSubscriptions',
  tag,
  summary: 'List subscriptions',
  query: {
    ...pageQuery,
    q: text('A part of the name or of the URL, taken literally.', 'bill', { maxLength: 200 }),
    status: oneOf('Only those of this status.', ['active', 'paused']),
    client_id: text('Only those of this owner.', 'billing', { maxLength: 200 }),
  },
  answers: { 200: { description: 'A page of subscriptions.', schema: pageOfItems('Subscription', subscription) } },
};

export const createSubscription: Documentation = {
  id: 'createSubscription',
  tag,
  summary: 'Subscribe to events',
  description:
    'It gets every matching event that is committed after it. The token of the caller must cover the scope of the tokens that it sends.',
  body: { members: subscriptionMembers, example },
  answers: {
    201: {
      description: 'The subscription, with its signing secret.',
      schema: createdSubscription,
      headers: {
        Location: text(
          'The subscription.',
          'https://auth.example.com/admin/events/subscriptions/0195c1a0-7d2e-7b3c-8f4a-5d6e7f809102',
          { format: 'uri' },
        ),
      },
    },
  },
};

export const getSubscription: Documentation = {
  id: 'getSubscription',
  tag,
  summary: 'Read a subscription',
  pathParameters: { id },
  answers: { 200: { description: 'The subscription.', schema: subscription } },
  problems: [new SubscriptionNotFound()],
};

export const updateSubscription: Documentation = {
  id: 'updateSubscription',
  tag,
  summary: 'Change, pause or resume a subscription',
  description:
    'A JSON merge patch (RFC 7396): a member that is absent stays, `null` goes back to its default. Resumed or led to another URL, it begins with a closed breaker.',
  pathParameters: { id },
  body: { members: subscriptionMembers, example: { max_in_flight: 20, source: null, status: 'paused' } },
  answers: { 200: { description: 'The whole subscription.', schema: subscription } },
  problems: [new SubscriptionNotFound()],
};

export const deleteSubscription: Documentation = {
  id: 'deleteSubscription',
  tag,
  summary: 'End a subscription',
  description: 'Nothing is sent any more; what was to be sent is cancelled.',
  pathParameters: { id },
  answers: { 204: { description: 'Ended.' } },
  problems: [new SubscriptionNotFound()],
};

export const rotateSigningSecret: Documentation = {
  id: 'rotateSigningSecret',
  tag,
  summary: 'Give a subscription a new signing secret',
  pathParameters: { id },
  body: {
    members: { overlap_seconds: { description: 'How long the older secrets sign beside the new one.', default: 0 } },
    example: { overlap_seconds: 86_400 },
  },
  answers: { 200: { description: 'The new secret, shown this once.', schema: rotatedSecret } },
  problems: [new SubscriptionNotFound(), new TooManySigningSecrets(maxSigningSecrets)],
};

export const testSubscription: Documentation = {
  id: 'testSubscription',
  tag,
  summary: 'Send a test event',
  description:
    'An event of type `event.test` goes to this subscription alone, whatever its filters say, the same way as any other.',
  pathParameters: { id },
  body: { members: {}, example: {} },
  answers: {
    202: {
      description: 'It is on its way.',
      schema: named(
        'TestEvent',
        object<TestAnswer>({ event_id: text('The event: its `webhook-id`.', '0195c1a0-7d2e-7e5f-8a6b-7c8d9eaf0b1c') }),
      ),
    },
  },
  problems: [new SubscriptionNotFound(), new SigningSecretUnreadable()],
};
