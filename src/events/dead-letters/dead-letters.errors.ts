import { Problem } from '../../protocol/index.js';

/** 404: there is no such dead letter, or it was replayed or deleted. */
export class DeadLetterNotFound extends Problem {
  override readonly name = 'DeadLetterNotFound';

  constructor() {
    super(404, 'there is no dead letter of this identifier');
  }
}

/** 409: nobody is left to deliver it to. */
export class SubscriptionGone extends Problem {
  override readonly name = 'SubscriptionGone';

  constructor() {
    super(409, 'the subscription of the dead letter has been deleted');
  }
}
