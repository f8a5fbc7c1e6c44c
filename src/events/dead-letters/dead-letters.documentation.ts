import {
  count,
  type Documentation,
  flag,
  named,
  nullable,
  object,
  pageOfItems,
  pageQuery,
  type Schema,
  text,
  time,
} from '../../openapi/index.js';
import type { DeadLetterAnswer, ReplayAnswer } from './dead-letter.js';
import { DeadLetterNotFound, SubscriptionGone } from './dead-letters.errors.js';

const tag = 'Dead letters';

const identifier = (description: string): Schema =>
  text(description, '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d', { format: 'uuid' });

const members = {
  id: identifier('Names the dead letter.'),
  delivery_id: identifier('The delivery that was given up.'),
  event_id: identifier('The event; also the `webhook-id` of every attempt.'),
  event_type: text('The type of the event.', 'order.created'),
  subscription_id: identifier('Whom it did not reach.'),
  reason: text('Why it was given up.', 'attempts_exhausted'),
  attempt_count: count('Attempts that were made.', 4),
  first_failed_at: nullable(time('When the first of them failed.')),
  dead_at: time('When it was given up.'),
};

const letter = named(
  'DeadLetter',
  object<DeadLetterAnswer>({
    ...members,
    replayed_at: nullable(time('When it was replayed; `null`: it was not.'), null),
  }),
);

const replayedLetter = named(
  'ReplayedDeadLetter',
  object<DeadLetterAnswer>({ ...members, replayed_at: time('When it was replayed: now.') }),
);

const replay = named(
  'DeadLetterReplay',
  object<ReplayAnswer>(
    {
      replayed: count('Dead letters that were replayed; with `dry_run`, that would be.', 17),
      more_available: flag(
        'There, and `true`, where the time of one request was not enough for all: ask again for the rest.',
        true,
      ),
    },
    ['more_available'],
  ),
);

const filters: Readonly<Record<string, Schema>> = {
  subscription_id: identifier('Only of this subscription.'),
  event_type: text('Only events of exactly this type.', 'order.created'),
  from: time('Nothing that died before.'),
  to: time('Nothing that died from then on.'),
};

export const listDeadLetters: Documentation = {
  id: 'listDeadLetters',
  tag,
  summary: 'List what was given up',
  description: 'Without those that were replayed.',
  query: { ...pageQuery, ...filters },
  answers: { 200: { description: 'A page of dead letters.', schema: pageOfItems('DeadLetter', letter) } },
};

export const replayDeadLetters: Documentation = {
  id: 'replayDeadLetters',
  tag,
  summary: 'Deliver again what was given up',
  description:
    'All that the filter selects, without a filter all there is, the oldest first. Those of deleted subscriptions are left out, and so is what dies meanwhile.',
  body: {
    members: {
      ...filters,
      dry_run: { description: 'Only count; nothing is changed.', default: false },
    },
    example: { subscription_id: '01957f3c-8a4e-7c21-9d0b-5e1f2a3b4c5d', from: '2026-03-01T09:00:00Z', dry_run: true },
  },
  answers: { 202: { description: 'How many are on their way.', schema: replay } },
};

export const replayDeadLetter: Documentation = {
  id: 'replayDeadLetter',
  tag,
  summary: 'Deliver again',
  description:
    'The delivery begins its schedule anew, with the same `webhook-id`. However often this is asked for, and at once, it happens once.',
  pathParameters: { id: members.id },
  body: { members: {}, example: {} },
  answers: { 202: { description: 'It is on its way.', schema: replayedLetter } },
  problems: [new DeadLetterNotFound(), new SubscriptionGone()],
};

export const deleteDeadLetter: Documentation = {
  id: 'deleteDeadLetter',
  tag,
  summary: 'Remove a dead letter',
  description: 'The event is not delivered to the subscription any more.',
  pathParameters: { id: members.id },
  answers: { 204: { description: 'Removed.' } },
  problems: [new DeadLetterNotFound()],
};
