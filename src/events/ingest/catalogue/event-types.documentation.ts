import {
  type Documentation,
  named,
  nullable,
  object,
  pageOfItems,
  pageQuery,
  text,
  time,
} from '../../../openapi/index.js';
import { badRequest } from '../../../protocol/index.js';
import type { EventTypeAnswer } from './event-type.js';
import { EventTypeNotFound, EventTypeRefused, EventTypeTaken } from './event-types.errors.js';

const tag = 'Events';
const type = text('The type as it is published.', 'invoice.paid');
const description = text('What it tells, for people.', 'An invoice was paid in full');
const exampleSchema = {
  type: 'object',
  required: ['amount', 'currency'],
  properties: { amount: { type: 'string' }, currency: { type: 'string', minLength: 3, maxLength: 3 } },
};
const schema = {
  type: 'object',
  description:
    'What the data must conform to: JSON Schema 2020-12, or draft-07 if `$schema` says so; at most 16 KiB, refers to nothing but itself.',
  examples: [exampleSchema],
};

const eventType = named(
  'EventType',
  object<EventTypeAnswer>({
    type,
    description,
    schema: nullable(schema),
    created_at: time('When it came into the catalogue.'),
    updated_at: time('When it was last changed.'),
  }),
);

const badSchema = badRequest([{ pointer: '/schema/type', detail: 'is not valid JSON Schema' }]);

export const listEventTypes: Documentation = {
  id: 'listEventTypes',
  tag,
  summary: 'List the catalogue of event types',
  query: pageQuery,
  answers: { 200: { description: 'A page of event types.', schema: pageOfItems('EventType', eventType) } },
};

export const createEventType: Documentation = {
  id: 'createEventType',
  tag,
  summary: 'Add a type to the catalogue',
  description:
    'A published event whose type has a schema must have data that conform to it. Types that the catalogue does not have are published ' +
    'as they are. The change holds for every publication that begins after the answer.',
  body: {
    members: { type: { ...type, minLength: 1, maxLength: 255 }, description, schema },
    example: { type: 'invoice.paid', description: 'An invoice was paid in full', schema: exampleSchema },
  },
  answers: {
    201: {
      description: 'The event type.',
      schema: eventType,
      headers: {
        Location: text('The event type.', 'https://auth.example.com/admin/events/types/invoice.paid', {
          format: 'uri',
        }),
      },
    },
  },
  problems: [new EventTypeRefused(), badSchema, new EventTypeTaken()],
};

export const getEventType: Documentation = {
  id: 'getEventType',
  tag,
  summary: 'Read a type of the catalogue',
  pathParameters: { type },
  answers: { 200: { description: 'The event type.', schema: eventType } },
  problems: [new EventTypeNotFound()],
};

export const updateEventType: Documentation = {
  id: 'updateEventType',
  tag,
  summary: 'Change a type of the catalogue',
  description:
    'A JSON merge patch (RFC 7396): the schema is merged member by member, `null` removes one; to replace it, remove it first.',
  pathParameters: { type },
  body: { members: { description, schema }, example: { description: 'An invoice was paid' } },
  answers: { 200: { description: 'The event type.', schema: eventType } },
  problems: [badSchema, new EventTypeNotFound()],
};

export const deleteEventType: Documentation = {
  id: 'deleteEventType',
  tag,
  summary: 'Remove a type from the catalogue',
  description: 'From then on the type is published as it is.',
  pathParameters: { type },
  answers: { 204: { description: 'Removed.' } },
  problems: [new EventTypeNotFound()],
};
