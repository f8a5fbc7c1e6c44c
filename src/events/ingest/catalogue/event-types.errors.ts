import { Problem } from '../../../protocol/index.js';

/** 404: the catalogue has no such type. */
export class EventTypeNotFound extends Problem {
  override readonly name = 'EventTypeNotFound';

  constructor() {
    super(404, 'the catalogue has no event type of this name');
  }
}

/** 409: the catalogue has the type already. */
export class EventTypeTaken extends Problem {
  override readonly name = 'EventTypeTaken';

  constructor() {
    super(409, 'the catalogue has an event type of this name already');
  }
}

/** 400: the name is malformed, or that of an event of the server itself. */
export class EventTypeRefused extends Problem {
  override readonly name = 'EventTypeRefused';

  constructor() {
    const detail =
      'must be 1 to 255 printable ASCII characters without *, begin with a letter or digit, and not with oauth., state. or event.';
    super(400, 'the request is not valid', { errors: [{ pointer: '/type', detail }] });
  }
}
