import { randomBytes } from 'node:crypto';

const wellFormed = /^[A-Za-z0-9._-]{1,64}$/;

/**
 * Makes the function that names requests: a well-formed `X-Request-Id` is kept, anything else replaced by an identifier that
 * is unique across processes.
 */
export function createRequestIds(): (incoming: string | string[] | undefined) => string {
  const process = randomBytes(9).toString('base64url').replaceAll('_', '.');
  let count = 0;
  return (incoming) => {
    if (typeof incoming === 'string' && wellFormed.test(incoming)) return incoming;
    count += 1;
    return `${process}-${count.toString(36)}`;
  };
}
