import {
  count,
  type Documentation,
  flag,
  type Headers,
  list,
  named,
  object,
  type Schema,
  text,
  time,
} from '../openapi/index.js';
import { listLimits } from '../http/index.js';
import { badRequest, notFound, preconditionFailed } from '../protocol/index.js';
import { maxWaitSeconds } from './changes-query.js';
import { maxResourceIdLength, resourceTypePattern } from './resource-key.js';
import type { ChangeAnswer, ChangesAnswer, ResourceAnswer, WriteAnswer } from './sync.answers.js';
import { ResourceGone, ResourceNotFound, TooManyLongPolls } from './sync.errors.js';

const tag = 'State sync';

const resourceType = text('The type of the resource.', 'price', { pattern: resourceTypePattern.source, maxLength: 64 });
const resourceId = text('Names it within its type; printable, percent-encoded.', 'article-4711', {
  minLength: 1,
  maxLength: maxResourceIdLength,
});
const version = count('Grows with each change of the resource.', 3, { minimum: 1 });
const updatedAt = time('When this version was written.');
const state: Schema = {
  type: 'object',
  description: 'The JSON object as it was sent.',
  examples: [{ net: 1990, currency: 'EUR' }],
};

const written = named(
  'StateWritten',
  object<WriteAnswer>({
    resource_type: resourceType,
    resource_id: resourceId,
    version,
    changed: flag('Whether the content is another one than before; if not, the version is the same too.', true),
    updated_at: updatedAt,
  }),
);

const resource = named(
  'State',
  object<ResourceAnswer>({
    resource_type: resourceType,
    resource_id: resourceId,
    version,
    updated_at: updatedAt,
    state,
  }),
);

const change = named(
  'StateChange',
  object<ChangeAnswer>({
    resource_type: resourceType,
    resource_id: resourceId,
    version,
    deleted: flag('Whether the resource was deleted.', false),
    updated_at: updatedAt,
  }),
);

const cursor = text('`next_cursor` of the page before, with the same filter.', 'Vf3xkq0cT2a1kUuM9pJ0eVsiIiwiNDIiXQ');

const changes = named(
  'StateChanges',
  object<ChangesAnswer>({
    items: list('Oldest first, in the order in which the changes were committed.', change),
    next_cursor: { ...cursor, description: 'Where to go on from, whether there are items or not.' },
  }),
);

const entityTag: Headers = { ETag: text('The version as an entity tag.', '"3"') };
const cacheable: Headers = {
  ...entityTag,
  'Cache-Control': text('How long it may be taken for true without asking.', 'private, max-age=300'),
};
const conditions: Headers = {
  'If-Match': text('Only if the resource is at one of these versions; `*`: only if it is there.', '"3"'),
  'If-None-Match': text('Only if it is at none of these versions; `*`: only if it is not there.', '*'),
};
const pathParameters = { resource_type: resourceType, resource_id: resourceId };

/** The path is input, too. */
const badName = badRequest([{ pointer: '/resource_id', detail: 'must be printable' }]);
const noName = notFound('there is nothing at this path');

export const putState: Documentation = {
  id: 'putState',
  tag,
  summary: 'Write a state',
  description:
    'Any JSON object of at most 256 KiB, 64 levels deep, without a member twice; it is kept as it is sent. The first write of a type ' +
    'takes the type for its client: nobody else writes it from then on. What has the same content as before – white space, the ' +
    'order of members and the spelling of numbers and strings aside – is no change. Each change appends to the feed and publishes `state.changed`.',
  pathParameters,
  requestHeaders: conditions,
  requestContent: { 'application/json': state },
  answers: {
    200: { description: 'Written over what was there, or the same as that.', schema: written, headers: entityTag },
    201: { description: 'Written where nothing was, or no longer.', schema: written, headers: entityTag },
  },
  problems: [noName, preconditionFailed()],
};

export const getState: Documentation = {
  id: 'getState',
  tag,
  summary: 'Read a state',
  pathParameters,
  requestHeaders: { 'If-None-Match': text('Versions that are known already.', '"3"') },
  answers: {
    200: { description: 'The newest state.', schema: resource, headers: cacheable },
    304: { description: 'Unchanged since the version of the request.', headers: cacheable },
  },
  problems: [badName, new ResourceNotFound(), new ResourceGone()],
};

export const deleteState: Documentation = {
  id: 'deleteState',
  tag,
  summary: 'Delete a state',
  description:
    'What stays is that it was there: a version of its own, in the feed and in `state.changed`. Written again, the resource goes on from that version.',
  pathParameters,
  requestHeaders: conditions,
  answers: { 204: { description: 'Deleted.' } },
  problems: [badName, new ResourceNotFound(), new ResourceGone(), preconditionFailed()],
};

export const listStateChanges: Documentation = {
  id: 'listStateChanges',
  tag,
  summary: 'Follow the changes',
  description:
    'Every change in the order of commits, from the beginning or from a cursor on. Changes that were superseded seven days ago are ' +
    'left out; the newest one of each resource, deleted or not, stays for ever.',
  query: {
    since: cursor,
    limit: count('How many items to answer with at most.', 20, {
      minimum: 1,
      maximum: listLimits.max,
      default: listLimits.default,
    }),
    wait_seconds: count('How long to wait for a change where there is none yet.', 5, {
      maximum: maxWaitSeconds,
      default: 0,
    }),
    resource_type: { ...resourceType, description: 'Only changes of this type.' },
  },
  answers: { 200: { description: 'Changes, or none.', schema: changes } },
  problems: [new TooManyLongPolls()],
};
