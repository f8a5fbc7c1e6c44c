const maxBytes = 256 * 1024;

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
  if (!response.ok || response.body === null) throw new Error(`${url} answered ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new Error(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Error(`${url} is no JSON object`);
  const maxAge = /(?:^|[\s,])max-age=(\d{1,9})/.exec(response.headers.get('cache-control') ?? '')?.[1];
  return { body: body as Record<string, unknown>, maxAgeMs: maxAge === undefined ? undefined : Number(maxAge) * 1000 };
}
