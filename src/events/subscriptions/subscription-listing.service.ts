import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { EventConfig } from '../../config/index.js';
import { DerivedKeys } from '../../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, queryParameter, readListQuery } from '../../http/index.js';
import { badRequest } from '../../protocol/index.js';
import { type SubscriptionAnswer, subscriptionAnswer } from './subscription.answer.js';
import { type SubscriptionFilter, SubscriptionRepository } from './subscription.repository.js';
import type { Subscription } from './subscription.js';
import { SubscriptionNotFound } from './subscriptions.errors.js';

const maxTextLength = 200;

/** The use cases that read subscriptions. */
@Injectable()
export class SubscriptionListingService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(SubscriptionRepository) private readonly subscriptions: SubscriptionRepository,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
    @Inject(EventConfig) private readonly events: EventConfig,
  ) {}

  /** @throws SubscriptionNotFound */
  async get(id: string): Promise<Subscription> {
    const subscription = await this.subscriptions.find(this.dataSource.manager, id);
    if (subscription === undefined) throw new SubscriptionNotFound();
    return subscription;
  }

  /**
   * The subscriptions that `q`, `status` and `client_id` select, newest first.
   *
   * @throws Problem 400 for a bad `limit`, `cursor`, `q`, `status` or `client_id`
   */
  async list(query: Query): Promise<Page<SubscriptionAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = readFilter(query);
    const { text = null, status = null, clientId = null } = filter;
    const seal = {
      key: this.derivedKeys.derive('cursor-v1'),
      binding: ['subscriptions', JSON.stringify([text, status, clientId])],
    };
    const after = openCursor(seal, cursor);
    const found = await this.subscriptions.list(this.dataSource.manager, filter, limit + 1, after);
    return pageOf(
      found,
      limit,
      seal,
      ({ listedAt, id }) => ({ at: listedAt, id }),
      (subscription) => this.answer(subscription),
    );
  }

  /** The JSON of a subscription. */
  answer(subscription: Subscription): SubscriptionAnswer {
    return subscriptionAnswer(subscription, this.events.retryBackoffSeconds);
  }
}

function readFilter(query: Query): SubscriptionFilter {
  const text = queryParameter(query, 'q');
  const clientId = queryParameter(query, 'client_id');
  for (const [pointer, value] of [
    ['/q', text],
    ['/client_id', clientId],
  ] as const) {
    if (value !== undefined && value.length > maxTextLength) {
      throw badRequest([{ pointer, detail: `must be at most ${maxTextLength} characters` }]);
    }
  }
  const status = queryParameter(query, 'status');
  if (status !== undefined && status !== 'active' && status !== 'paused') {
    throw badRequest([{ pointer: '/status', detail: 'must be active or paused' }]);
  }
  return { text: text === '' ? undefined : text, status, clientId };
}
