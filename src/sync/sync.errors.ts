import { Problem } from '../protocol/index.js';

/** 403: another client has written the type first, and it is his for ever. */
export class TypeOfAnotherClient extends Problem {
  override readonly name = 'TypeOfAnotherClient';

  constructor() {
    super(403, 'this type of resource belongs to another client');
  }
}

/** 404: there has never been such a resource. */
export class ResourceNotFound extends Problem {
  override readonly name = 'ResourceNotFound';

  constructor() {
    super(404, 'there is no such resource');
  }
}

/** 410: the resource was deleted. */
export class ResourceGone extends Problem {
  override readonly name = 'ResourceGone';

  constructor() {
    super(410, 'this resource was deleted');
  }
}

/** 429: the client waits in too many requests at once. */
export class TooManyLongPolls extends Problem {
  override readonly name = 'TooManyLongPolls';

  constructor() {
    super(429, 'too many requests of this client wait for changes', { retryAfterSeconds: 5 });
  }
}
