import { type Documentation, flag, list, named, object, oneOf, type Schema, text, time } from '../../openapi/index.js';
import { badRequest, cloudEventLimits, maxBatchSize } from '../../protocol/index.js';
import { ForeignSource, ReservedType, TooManyPending } from './publish.errors.js';
import type { AcceptedEvent } from './publishing.service.js';

const example = {
  specversion: '1.0',
  id: '7f0c',
  source: 'shop/invoices',
  type: 'invoice.paid',
  subject: '4711',
  time: '2026-03-01T09:30:00Z',
  datacontenttype: 'application/json',
  data: { amount: '12.50', currency: 'EUR' },
};

const attributes = {
  specversion: oneOf('The version of CloudEvents.', ['1.0']),
  id: text('Unique within the source; sent again, it is the same event.', example.id, {
    minLength: 1,
    maxLength: cloudEventLimits.id,
  }),
  source: text(
    'The `client_id` of the publisher, or a URI reference that begins with it and a slash.',
    example.source,
    {
      minLength: 1,
      maxLength: cloudEventLimits.source,
    },
  ),
  type: text('Not under `oauth.`, `state.` or `event.`.', example.type, {
    minLength: 1,
    maxLength: cloudEventLimits.type,
  }),
  subject: text('What of the source it is about.', example.subject, { maxLength: cloudEventLimits.subject }),
  time: time('When it happened; when it was accepted, if it does not say.', example.time),
  datacontenttype: text('The media type of the data; JSON unless given.', example.datacontenttype),
  dataschema: text('The schema of the data, a URI.', 'https://example.com/schemas/invoice-paid.json'),
};

const cloudEvent = named('CloudEvent', {
  type: 'object',
  description: 'CloudEvents 1.0, JSON format. Other members are extensions: texts, booleans or integers of 32 bits.',
  required: ['specversion', 'id', 'source', 'type'],
  properties: {
    ...attributes,
    data: { description: 'Any JSON; it is handed on as it was written.' },
    data_base64: { type: 'string', description: 'Data that is no JSON, instead of `data`.' },
  },
  additionalProperties: { type: ['string', 'boolean', 'integer', 'null'] },
  examples: [example],
});

const batch: Schema = {
  type: 'array',
  minItems: 1,
  maxItems: maxBatchSize,
  items: cloudEvent,
  examples: [[example]],
};

const accepted = object<AcceptedEvent>({
  id: text('The `id` of the CloudEvent.', example.id),
  event_id: text('Under which it is stored and delivered.', '019580f2-7c00-7000-8000-000000000001', { format: 'uuid' }),
  duplicate: flag('Whether an event of the same source and id was there before; then that one stands.', false),
});

export const publishEvents: Documentation = {
  id: 'publishEvents',
  tag: 'Events',
  summary: 'Publish events',
  description:
    'CloudEvents 1.0 in structured, batched or binary mode; in binary mode the attributes are header fields (`ce-id`, `ce-source`, …) and ' +
    'the body, of any media type, is the data. `application/json` is an event or an array of events, unless the header has attributes. ' +
    'A batch is accepted as a whole or not at all. The answer comes once the events are durable.',
  requestHeaders: {
    'ce-specversion': attributes.specversion,
    'ce-id': attributes.id,
    'ce-source': attributes.source,
    'ce-type': attributes.type,
  },
  requestContent: {
    'application/cloudevents+json': cloudEvent,
    'application/cloudevents-batch+json': batch,
    'application/json': { anyOf: [cloudEvent, batch], examples: [example] },
  },
  answers: {
    202: {
      description: 'Accepted, and durable.',
      schema: object({ accepted: list('In the order of the batch.', named('AcceptedEvent', accepted)) }),
    },
  },
  problems: [
    badRequest([{ pointer: '/source', detail: 'must be a URI reference' }]),
    new ForeignSource(),
    new ReservedType(),
    new TooManyPending(),
  ],
};
