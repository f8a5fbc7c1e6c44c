import { jsonBody } from '../client/json-body.js';

/** A document of the authorization server, and for how long it may be kept. @internal */
export interface JsonDocument {
  readonly body: Record<string, unknown>;
  readonly maxAgeMs: number | undefined;
}

/**
 * Fetches a JSON object: no redirects, 256 KiB at most, five seconds.
 *
 * @throws Error
 *
 * @internal
 */
export async function fetchJson(fetcher: typeof fetch, url: string): Promise<JsonDocument> {
  const response = await fetcher(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(5_000),
  });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const body = await jsonBody(response);
  const maxAge = /(?:^|[\s,])max-age=(\d{1,9})/.exec(response.headers.get('cache-control') ?? '')?.[1];
  return { body, maxAgeMs: maxAge === undefined ? undefined : Number(maxAge) * 1000 };
}
