import { Problem } from '../protocol/index.js';

/** 404: there never was a signing key of this identifier. */
export class KeyNotFound extends Problem {
  override readonly name = 'KeyNotFound';

  constructor() {
    super(404, 'there is no signing key of this identifier');
  }
}

/** 409: the key has left the JWKS already. */
export class KeyIsOver extends Problem {
  override readonly name = 'KeyIsOver';

  constructor(status: string) {
    super(409, `the key is ${status} already`);
  }
}

/** 409: the next key is published and waits for its time. */
export class NextKeyIsPublished extends Problem {
  override readonly name = 'NextKeyIsPublished';

  constructor(activatesAt: Date) {
    super(
      409,
      `the next key is published and signs from ${activatesAt.toISOString()} on; "immediate" makes it sign now`,
    );
  }
}

/** 409: the key that signs has only just begun to. */
export class JustRotated extends Problem {
  override readonly name = 'JustRotated';

  constructor() {
    super(409, 'the key that signs has replaced another one a moment ago');
  }
}

/** 409: the JWKS holds as many keys as it may. */
export class TooManyKeys extends Problem {
  override readonly name = 'TooManyKeys';

  constructor() {
    super(409, 'too many keys are published; the next one can follow when tokens of an earlier one have expired');
  }
}
