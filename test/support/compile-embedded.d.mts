/** The `node_modules` of this project. */
export declare const projectNodeModules: string;

/**
 * Compiles `src/database/embedded` to JavaScript in `directory`, to be run by plain Node: outside Jest's transformer, as
 * another user, in another place.
 *
 * @param nodeModules linked into `directory` unless it has its own
 * @returns the path of the compiled `index.js`
 */
export declare function compileEmbedded(directory: string, nodeModules?: string): string;
