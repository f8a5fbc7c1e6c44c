import { Problem } from '../../protocol/index.js';

/** Seconds after which a publisher may look whether something was delivered meanwhile. */
const retryAfterSeconds = 5;

/** 403: the source of an event belongs to another client (http-api.md "Events"). */
export class ForeignSource extends Problem {
  override readonly name = 'ForeignSource';

  /** @param place of the event in the body; empty where it is the only one */
  constructor(place = '') {
    super(403, `the source ${of(place)}must be the client_id of the publisher, or begin with it and a slash`);
  }
}

/** 403: the type is one of those that this server alone tells of. */
export class ReservedType extends Problem {
  override readonly name = 'ReservedType';

  /** @param place of the event in the body; empty where it is the only one */
  constructor(place = '') {
    super(403, `the type ${of(place)}must not begin with oauth., state. or event.`);
  }
}

/** 429: too many events of the publisher wait for their delivery. */
export class TooManyPending extends Problem {
  override readonly name = 'TooManyPending';

  constructor() {
    super(429, 'too many events of this publisher wait for their delivery', { retryAfterSeconds });
  }
}

function of(place: string): string {
  return place === '' ? '' : `of the event ${place} `;
}
