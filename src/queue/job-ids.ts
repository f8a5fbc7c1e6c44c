import { parseSecret } from '../protocol/index.js';
import type { JobIds } from './queue-backend.js';

const idPattern = /^[A-Za-z0-9._~-]{1,128}$/;

/**
 * Checks that `ids` holds identifiers and nothing else, so that neither a payload nor a secret gets into the queue's store.
 *
 * @throws TypeError naming the member, never its value
 */
export function checkJobIds(ids: JobIds): JobIds {
  for (const [name, value] of Object.entries(ids)) {
    if (typeof value !== 'string' || !idPattern.test(value) || parseSecret(value) !== null) {
      throw new TypeError(`job data: ${name} is not an identifier`);
    }
  }
  return ids;
}
