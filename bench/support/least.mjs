// What the servers that do the least have in common.

/** The fields of an answer of Signet, as `writeHead` takes an object. */
export const answerHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-request-id': 'AbCdEfGhIjKl-1z',
  'cache-control': 'no-store',
  'content-type': 'application/json',
};

const flatHeaders = Object.entries(answerHeaders).flat();

/** Answers 200 with `body`, ASCII. */
export function send(response, body) {
  response.writeHead(200, [...flatHeaders, 'content-length', String(body.length)]).end(body);
}

const segment = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** What is signed of a token that is as long as Signet's: header and payload (RFC 7515 §5.1). */
export function signingInput({ alg, port, audience, scope, iat, exp, jti }) {
  const issuer = `http://localhost:${port}`;
  const claims = { iss: issuer, sub: 'bench-0', aud: audience, client_id: 'bench-0', scope, iat, exp, jti };
  return `${segment({ alg, typ: 'at+jwt', kid: 'bench' })}.${segment(claims)}`;
}

/**
 * Shares one statement among the requests of a moment: while one runs, the next ones gather.
 *
 * @param {(items: unknown[]) => Promise<unknown[]>} run answers each item, in order
 * @param {() => boolean} isReady whether to begin now; `begin` is to be called when that changes
 */
export function shared(run, isReady = () => true) {
  let waiting = [];
  let running = false;
  const runNext = async () => {
    const batch = waiting;
    waiting = [];
    const results = await run(batch.map(({ item }) => item));
    batch.forEach(({ resolve }, index) => resolve(results[index]));
    running = false;
    begin();
  };
  const begin = () => {
    if (running || waiting.length === 0 || !isReady()) return;
    running = true;
    setImmediate(() => void runNext());
  };
  const add = (item) =>
    new Promise((resolve) => {
      waiting.push({ item, resolve });
      begin();
    });
  return { add, begin };
}
