/** `info` is neither good nor bad; `fail` means that a server cannot do its work, or will not for long. */
export type FindingStatus = 'ok' | 'info' | 'warn' | 'fail';

/** What one check has found. Holds no secret and no URL. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly status: FindingStatus;
  /** How it is. */
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly advice?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, status: 'ok', message };
}

export function info(check: string, message: string, advice?: string): Finding {
  return finding('info', check, message, advice);
}

export function warn(check: string, message: string, advice: string): Finding {
  return finding('warn', check, message, advice);
}

export function fail(check: string, message: string, advice?: string): Finding {
  return finding('fail', check, message, advice);
}

function finding(status: FindingStatus, check: string, message: string, advice?: string): Finding {
  return { check, status, message, ...(advice !== undefined && { advice }) };
}
