import { Problem } from '../protocol/index.js';

/** 404: there is no client of this identifier, or it has been deleted. */
export class ClientNotFound extends Problem {
  override readonly name = 'ClientNotFound';

  constructor() {
    super(404, 'there is no client of this identifier');
  }
}

/** 404: the client has no secret of this identifier. */
export class SecretNotFound extends Problem {
  override readonly name = 'SecretNotFound';

  constructor() {
    super(404, 'the client has no secret of this identifier');
  }
}

/** 409: the identifier belongs to a client, or did before that was deleted. */
export class ClientIdTaken extends Problem {
  override readonly name = 'ClientIdTaken';

  constructor() {
    super(409, 'the client_id is taken, or was by a client that has been deleted');
  }
}

/** 409: without this secret the client could not authenticate any more. */
export class LastSecret extends Problem {
  override readonly name = 'LastSecret';

  constructor() {
    super(409, 'the client authenticates with a secret, and this is its last one');
  }
}

/** 409: a secret would be of no use to the client. */
export class NoSecretMethod extends Problem {
  override readonly name = 'NoSecretMethod';

  constructor() {
    super(
      409,
      'the client does not authenticate with a secret; it gets one when its token_endpoint_auth_method changes',
    );
  }
}

/** 409: a client keeps a bounded number of live secrets. */
export class TooManySecrets extends Problem {
  override readonly name = 'TooManySecrets';

  constructor(limit: number) {
    super(409, `the client has ${limit} live secrets; delete one, or regenerate without an overlap`);
  }
}

/** 409: nobody could administer the server any more. */
export class LastAdministrator extends Problem {
  override readonly name = 'LastAdministrator';

  constructor() {
    super(409, 'this is the last active client with admin:full');
  }
}
