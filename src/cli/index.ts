export type { NewAdministratorOptions } from './database-commands.js';
export { CommandFailure } from './failure.js';
export { runCommandLine } from './program.js';
export { Progress } from './progress.js';
export { PrivateFile } from './secret-file.js';
