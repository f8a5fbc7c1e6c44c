export { ApiDocument } from './api-document.service.js';
export { type Documentation, Documented, type Headers, pageOfItems, pageQuery } from './documentation.js';
export { OpenApiModule } from './openapi.module.js';
export {
  count,
  exampleOf,
  extended,
  flag,
  list,
  mapOf,
  type MemberSchemas,
  named,
  nullable,
  object,
  oneOf,
  type Schema,
  text,
  time,
} from './schema.js';
