import { Inject, Injectable } from '@nestjs/common';
import { DerivedKeys } from '../../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, readListQuery } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { Problem } from '../../protocol/index.js';
import {
  attemptAnswer,
  type DeliveryAnswer,
  deliveryAnswer,
  type DeliveryDetailAnswer,
  positionOf,
} from './delivery.answer.js';
import { filterKey, readDeliveryFilter } from './delivery-filter.js';
import { DeliveryRepository } from './delivery.repository.js';

/** Most attempts of a delivery that are shown: those of a breaker that probes for days are many. */
export const attemptsAtMost = 200;

/** 404: there is no such delivery, or it was forgotten. */
export class DeliveryNotFound extends Problem {
  override readonly name = 'DeliveryNotFound';

  constructor() {
    super(404, 'there is no such delivery');
  }
}

/** The use cases that read deliveries. */
@Injectable()
export class Deliveries {
  constructor(
    @Inject(DeliveryRepository) private readonly deliveries: DeliveryRepository,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /**
   * The deliveries that the filters select, newest first.
   *
   * @throws Problem 400 for a bad `limit`, `cursor` or filter
   * @throws DatabaseUnavailable
   */
  async list(query: Query): Promise<Page<DeliveryAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = readDeliveryFilter(query);
    const seal = { key: this.derivedKeys.derive('cursor-v1'), binding: ['deliveries', filterKey(filter)] };
    const found = await this.deliveries.page(filter, limit + 1, openCursor(seal, cursor));
    return pageOf(found, limit, seal, positionOf, deliveryAnswer);
  }

  /**
   * A delivery with its last attempts, in the order in which they were made.
   *
   * @throws DeliveryNotFound
   * @throws DatabaseUnavailable
   */
  async get(id: string): Promise<DeliveryDetailAnswer> {
    const found = isUuid(id) ? await this.deliveries.find(id) : undefined;
    if (found === undefined) throw new DeliveryNotFound();
    const attempts = await this.deliveries.attempts(found, attemptsAtMost);
    return { ...deliveryAnswer(found), attempts: attempts.map(attemptAnswer) };
  }
}
