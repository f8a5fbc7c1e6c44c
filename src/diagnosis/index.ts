export { dataDirectoryFinding } from './data-directory-finding.js';
export { diagnoseDatabase } from './diagnose.js';
export { fail, type Finding, info, ok, warn } from './finding.js';
export { redisFinding } from './redis-finding.js';
