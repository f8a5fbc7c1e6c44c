import { count, type Documentation, flag, list, named, object, type Schema, text } from '../../openapi/index.js';
import { maxAcks } from './ack.dto.js';
import type { AckAnswer } from './acknowledgements.service.js';
import type { PollAnswer, PolledItemAnswer } from './handed-out.js';
import { PolledSubscriptionNotFound, TooManyPolls } from './poll.errors.js';
import { pollBounds } from './poll-query.js';

const tag = 'Polling';

const uuid = (description: string, example: string): Schema => text(description, example, { format: 'uuid' });

const subscriptionId = uuid(
  'A subscription of the caller with `delivery: poll`.',
  '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d',
);
const deliveryId = uuid('Names the delivery.', '01957f3c-9b1f-7d32-8e1c-6f2a3b4c5d6e');

const polled = named(
  'PolledEvents',
  object<PollAnswer>({
    items: list(
      'In the order of their publication.',
      object<PolledItemAnswer>({
        delivery_id: deliveryId,
        webhook_id: uuid('Names the event: the same at each attempt.', '01957f3c-8f00-7a10-b2c3-d4e5f6a7b8c9'),
        attempt: count('Which attempt this is.', 1, { minimum: 1 }),
        event: {
          type: 'object',
          description: 'The CloudEvent (JSON format), as a push would send it.',
          examples: [
            {
              specversion: '1.0',
              id: '4711',
              source: 'shop/orders',
              type: 'order.created',
              time: '2026-03-01T09:30:00Z',
              datacontenttype: 'application/json',
              data: { order: 4711 },
            },
          ],
        },
      }),
    ),
    more_available: flag('Whether the next poll would get some at once.', false),
  }),
);

const acknowledged = named(
  'AcknowledgedEvents',
  object<AckAnswer>({
    acknowledged: count('Deliveries that are over by this request.', 1),
    rejected: count('Deliveries that became dead letters by this request.', 0),
  }),
);

const bounded = (description: string, { least, most, usual }: (typeof pollBounds)[keyof typeof pollBounds]): Schema =>
  count(description, usual, { minimum: least, maximum: most, default: usual });

export const pollEvents: Documentation = {
  id: 'pollEvents',
  tag,
  summary: 'Read events of a subscription',
  description:
    'Only for the client of the subscription. What is handed out and not acknowledged in time comes again, with the same `webhook_id`.',
  query: {
    subscription_id: subscriptionId,
    max_events: bounded('How many events to answer with at most.', pollBounds.maxEvents),
    wait_seconds: bounded('How long to wait while there are none.', pollBounds.waitSeconds),
    visibility_seconds: bounded(
      'After how long an event that is not acknowledged comes again.',
      pollBounds.visibilitySeconds,
    ),
  },
  answers: { 200: { description: 'Events, or none.', schema: polled } },
  problems: [new PolledSubscriptionNotFound(), new TooManyPolls()],
};

export const acknowledgeEvents: Documentation = {
  id: 'acknowledgeEvents',
  tag,
  summary: 'Acknowledge events',
  description: `Identifiers of deliveries or of events (\`webhook_id\`), up to ${maxAcks} of each kind. What they do not name, or is over already, is passed over.`,
  body: {
    members: {
      subscription_id: subscriptionId,
      acks: list('What was received, and does not come again.', deliveryId),
      nacks: list('What is refused for good: it becomes a dead letter with the reason `rejected`.', deliveryId),
    },
    example: {
      subscription_id: '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d',
      acks: ['01957f3c-9b1f-7d32-8e1c-6f2a3b4c5d6e'],
    },
  },
  answers: { 200: { description: 'What the request has changed.', schema: acknowledged } },
  problems: [new PolledSubscriptionNotFound()],
};
