import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type PageFile, pageFileOf } from './page-file.js';

/** Everything comes from here, nothing is inline, nothing may be framed or sent away. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "form-action 'self'",
].join('; ');

/** The page at `/docs`. Its addresses are relative, so that it also works below a prefix. */
const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Signet API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="icon" type="image/png" href="docs/favicon-32x32.png" sizes="32x32">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/initializer.js"></script>
  </body>
</html>
`;

/**
 * What the page does: shows the document. A token that is typed in stays in the page and is gone with it; the document is not
 * sent to anybody's validator.
 */
const initializer = `window.ui = SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  docExpansion: 'list',
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
  queryConfigEnabled: false,
  validatorUrl: null,
  withCredentials: false,
});
`;

/** The files that are taken from swagger-ui-dist, each with its media type. */
const assets: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** The names of the files below `/docs/`. */
export const pageFileNames: readonly string[] = [...Object.keys(assets), 'initializer.js'];

/** The page itself. */
export function pageFile(): PageFile {
  return pageFileOf('text/html; charset=utf-8', Buffer.from(page));
}

/** A file that the page loads; `undefined`: there is none of this name. */
export async function pageAsset(name: string): Promise<PageFile | undefined> {
  if (name === 'initializer.js') return pageFileOf('text/javascript; charset=utf-8', Buffer.from(initializer));
  const mediaType = Object.hasOwn(assets, name) ? assets[name] : undefined;
  if (mediaType === undefined) return undefined;
  return pageFileOf(mediaType, await readFile(join(assetDirectory(), name)));
}

/** The package that @nestjs/swagger brings, wherever it was installed. */
function assetDirectory(): string {
  const swagger = createRequire(import.meta.url).resolve('@nestjs/swagger');
  return dirname(createRequire(swagger).resolve('swagger-ui-dist/package.json'));
}
