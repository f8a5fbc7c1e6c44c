import {
  count,
  type Documentation,
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
import { attemptsAtMost, DeliveryNotFound } from './deliveries.service.js';
import type { AttemptAnswer, DeliveryAnswer } from './delivery.answer.js';
import { shownStatuses } from './delivery-filter.js';
import { countedAtMost, recentAttempts, type SubscriptionNumbers } from './subscription-metrics.service.js';

const tag = 'Deliveries';

const uuid = (description: string): Schema =>
  text(description, '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d', { format: 'uuid' });

const status = oneOf(
  '`held`: the subscription is paused or its breaker open; `cancelled`: the subscription was deleted.',
  shownStatuses,
  'succeeded',
);

const delivery = object<DeliveryAnswer>({
  id: uuid('Names the delivery.'),
  event_id: uuid('The event, under the identifier that this server gave it: the `webhook-id`.'),
  event_type: text('CloudEvents `type`.', 'order.paid'),
  subscription_id: uuid('Where it goes.'),
  status,
  attempt_count: count('Attempts ever made, those before a replay included.', 1),
  next_attempt_at: nullable(time('When it is tried next; `null`: it is finished.'), null),
  created_at: time('When the event was routed.'),
  updated_at: time('When something changed last.'),
});

const attempt = object<AttemptAnswer>({
  at: time('When it began.'),
  status_code: nullable(count('What the receiver answered; `null`: nothing.', 200)),
  error: nullable(text('What went wrong, in a word.', 'timeout'), null),
  duration_ms: count('How long it took, in milliseconds.', 42),
  response_excerpt: nullable(
    text('The beginning of what the receiver answered: words of a stranger, to be shown as plain text.', 'ok'),
  ),
});

const milliseconds = (description: string) => nullable(count(`${description} \`null\`: there were none.`, 38));

const numbers = object<SubscriptionNumbers>({
  subscription_id: uuid('The subscription.'),
  pending: count(`Deliveries that wait for an attempt, counted up to ${countedAtMost}.`, 12),
  in_flight: count('Deliveries that are being sent, or were polled and not acknowledged yet.', 2),
  held: count(`Deliveries that wait until the subscription is resumed, or its breaker closes; as \`pending\`.`, 0),
  succeeded: count('Deliveries that ever succeeded.', 1204),
  dead: count(`Dead letters that wait to be replayed or deleted, counted up to ${countedAtMost}.`, 0),
  oldest_pending_seconds: nullable(
    count('Age of the oldest delivery that is neither made nor dead; `null`: there is none.', 3),
  ),
  success_rate: nullable({
    type: 'number',
    minimum: 0,
    maximum: 1,
    description: `Share of the attempts of the last ${recentAttempts.minutes} minutes that succeeded, of the last ${recentAttempts.most} at most; \`null\`: there were none.`,
    examples: [0.998],
  }),
  p50_ms: milliseconds('What half of the same attempts took at most.'),
  p95_ms: milliseconds('What 95 of 100 of them took at most.'),
});

export const listDeliveries: Documentation = {
  id: 'listDeliveries',
  tag,
  summary: 'List deliveries',
  description: 'One for each event and subscription that it matches, as long as they are kept.',
  query: {
    ...pageQuery,
    subscription_id: uuid('Only those of this subscription.'),
    event_id: uuid('Only those of this event.'),
    status: oneOf('Only those of this status.', shownStatuses),
  },
  answers: {
    200: { description: 'A page of deliveries.', schema: pageOfItems('Delivery', named('Delivery', delivery)) },
  },
};

export const getDelivery: Documentation = {
  id: 'getDelivery',
  tag,
  summary: 'Show a delivery and its attempts',
  pathParameters: { id: uuid('Names the delivery.') },
  answers: {
    200: {
      description: 'The delivery.',
      schema: named(
        'DeliveryWithAttempts',
        extended(delivery, {
          attempts: list(
            `The last ${attemptsAtMost} at most, the first of them first.`,
            named('DeliveryAttempt', attempt),
          ),
        }),
      ),
    },
  },
  problems: [new DeliveryNotFound()],
};

export const getEventMetrics: Documentation = {
  id: 'getEventMetrics',
  tag,
  summary: 'Show the numbers of each subscription',
  answers: {
    200: {
      description: 'One item for each subscription that is not deleted, the newest first.',
      schema: named(
        'EventMetrics',
        object<{ items: unknown }>({ items: list('The subscriptions.', named('SubscriptionNumbers', numbers)) }),
      ),
    },
  },
};
