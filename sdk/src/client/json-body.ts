const maxBytes = 256 * 1024;

/**
 * Reads the JSON object of an answer, 256 KiB at most.
 *
 * @throws SyntaxError for anything else; what the connection throws
 *
 * @internal
 */
export async function jsonBody({ body, url }: Response): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new SyntaxError(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const json: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Record<string, unknown>;
  throw new SyntaxError(`${url} is no JSON object`);
}
