import { type Documentation, named, object, pageOfItems, pageQuery, text, time } from '../openapi/index.js';
import type { ScopeAnswer } from './scope.js';
import { ScopeInUse, ScopeNameRefused, ScopeNameTaken, ScopeNeeded, ScopeNotFound } from './scopes.errors.js';

const tag = 'Scopes';
const name = text('The name of the scope: a scope-token (RFC 6749 §3.3).', 'read:invoices');
const description = text('What it allows, for people.', 'Read invoices');

const scope = named(
  'Scope',
  object<ScopeAnswer>({
    name,
    description,
    created_at: time('When it was registered.'),
    updated_at: time('When it was last changed.'),
  }),
);

export const listScopes: Documentation = {
  id: 'listScopes',
  tag,
  summary: 'List scopes',
  query: pageQuery,
  answers: { 200: { description: 'A page of scopes.', schema: pageOfItems('Scope', scope) } },
};

export const createScope: Documentation = {
  id: 'createScope',
  tag,
  summary: 'Register a scope',
  description: 'Names under `admin:` and `oauth:` cannot be registered; a `*` stands only as the last segment.',
  body: {
    members: { name: { ...name, maxLength: 128 }, description },
    example: { name: 'read:invoices', description: 'Read invoices' },
  },
  answers: {
    201: {
      description: 'The scope.',
      schema: scope,
      headers: {
        Location: text('The scope.', 'https://auth.example.com/admin/oauth/scopes/read%3Ainvoices', { format: 'uri' }),
      },
    },
  },
  problems: [new ScopeNameRefused(), new ScopeNameTaken()],
};

export const updateScope: Documentation = {
  id: 'updateScope',
  tag,
  summary: 'Change the description of a scope',
  description: 'A JSON merge patch (RFC 7396); `null` empties the description.',
  pathParameters: { name },
  body: { members: { description }, example: { description: 'Read invoices' } },
  answers: { 200: { description: 'The scope.', schema: scope } },
  problems: [new ScopeNotFound()],
};

export const deleteScope: Documentation = {
  id: 'deleteScope',
  tag,
  summary: 'Remove a scope from the registry',
  pathParameters: { name },
  answers: { 204: { description: 'Removed.' } },
  problems: [new ScopeNotFound(), new ScopeInUse(), new ScopeNeeded()],
};
