import { notFound, type Problem } from '../protocol/index.js';
import type { Documentation, Headers } from './documentation.js';
import { oneOf, text } from './schema.js';
import { pageFileNames } from './swagger-ui.js';

const entityTag: Headers = { ETag: text('The entity tag.', '"3q2-7w"') };
const ifNoneMatch: Headers = { 'If-None-Match': text('An entity tag that is known already.', '"3q2-7w"') };

/** Also the answer to everything here where the document is not served (`API_DOCS`). */
export function nothingHere(): Problem {
  return notFound('there is nothing at this path');
}

const problems = [nothingHere()];
const unchanged = { description: 'Unchanged since the entity tag of the request.', headers: entityTag };

export const openApiDocument: Documentation = {
  id: 'getOpenApiDocument',
  tag: 'Running',
  summary: 'This document',
  requestHeaders: ifNoneMatch,
  answers: {
    200: {
      description: 'The OpenAPI document.',
      schema: {
        type: 'object',
        required: ['openapi', 'info', 'paths'],
        examples: [{ openapi: '3.1.0', info: { title: 'Signet', version: '1.0.0' }, paths: {} }],
      },
      headers: entityTag,
    },
    304: unchanged,
  },
  problems,
};

export const documentationPage: Documentation = {
  id: 'getDocumentationPage',
  tag: 'Running',
  summary: 'This document as a page',
  requestHeaders: ifNoneMatch,
  answers: {
    200: {
      description: 'Swagger UI. Everything that it loads comes from this server.',
      content: { 'text/html': text('HTML.', '<!doctype html>') },
      headers: entityTag,
    },
    304: unchanged,
  },
  problems,
};

export const documentationAsset: Documentation = {
  id: 'getDocumentationAsset',
  tag: 'Running',
  summary: 'A file of the page',
  pathParameters: { file: oneOf('Its name.', pageFileNames) },
  requestHeaders: ifNoneMatch,
  answers: {
    200: {
      description: 'The file.',
      content: {
        'text/css': text('A style sheet.', 'body{margin:0}'),
        'text/javascript': text('A script.', 'window.ui = undefined;'),
        'image/png': text('An image.', 'PNG'),
      },
      headers: entityTag,
    },
    304: unchanged,
  },
  problems,
};
