import { Problem } from '../../protocol/index.js';

/** 404: there is no subscription of this identifier, or it has been deleted. */
export class SubscriptionNotFound extends Problem {
  override readonly name = 'SubscriptionNotFound';

  constructor() {
    super(404, 'there is no subscription of this identifier');
  }
}

/** 409: a subscription keeps a bounded number of live signing secrets, each of which signs every delivery. */
export class TooManySigningSecrets extends Problem {
  override readonly name = 'TooManySigningSecrets';

  constructor(limit: number) {
    super(
      409,
      `the subscription has ${limit} live signing secrets; rotate without an overlap, or wait until one has ended`,
    );
  }
}

/** 409: a signing secret was made for another row or was altered, so nothing is signed; rotating it without an overlap mends that. */
export class SigningSecretUnreadable extends Problem {
  override readonly name = 'SigningSecretUnreadable';

  constructor() {
    super(409, 'a signing secret of the subscription cannot be read; rotate it without an overlap');
  }
}
