export { AllowedMethods } from './allowed-methods.js';
export { all, Integer, isSent, Name, noControlCharacters, NoMembersBody, Untouched } from './body-members.js';
export { type BodyDeclaration, bodyDeclaration, bodyOf } from './body.pipe.js';
export { failsAsOAuth } from './error-response.js';
export { ErrorFilter } from './error.filter.js';
export { createFastifyAdapter, type HttpOptions } from './fastify-adapter.js';
export { FastLane, type FastRequest } from './fast-lane.js';
export { asOAuthError } from './fault.js';
export { HttpModule, type HttpParts } from './http.module.js';
export { createLogger, NestLogger } from './logger.js';
export { OpenAnswers } from './open-answers.js';
export { PreparedDocument, PreparedDocuments } from './prepared-document.js';
export { Refusals } from './refusals.js';
export { JsonBody } from './request-body.js';
export { pathOf } from './request-path.js';
export {
  type CursorSeal,
  listLimits,
  openCursor,
  type Page,
  pageOf,
  type Query,
  queryParameter,
  readListQuery,
} from './list-query.js';
