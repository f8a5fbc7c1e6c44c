import { Controller, Get, Inject, Param, Query as QueryOf } from '@nestjs/common';
import { RequireScope } from '../../access/index.js';
import type { Page, Query } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import { Deliveries } from './deliveries.service.js';
import type { DeliveryAnswer, DeliveryDetailAnswer } from './delivery.answer.js';
import { getDelivery, getEventMetrics, listDeliveries } from './observation.documentation.js';
import { type SubscriptionNumbers, SubscriptionMetrics } from './subscription-metrics.service.js';

/** What became of events, for operators (http-api.md "Events"). */
@Controller('admin/events')
@RequireScope('admin:events')
export class ObservationController {
  constructor(
    @Inject(Deliveries) private readonly deliveries: Deliveries,
    @Inject(SubscriptionMetrics) private readonly metrics: SubscriptionMetrics,
  ) {}

  @Get('deliveries')
  @Documented(listDeliveries)
  list(@QueryOf() query: Query): Promise<Page<DeliveryAnswer>> {
    return this.deliveries.list(query);
  }

  @Get('deliveries/:id')
  @Documented(getDelivery)
  get(@Param('id') id: string): Promise<DeliveryDetailAnswer> {
    return this.deliveries.get(id);
  }

  @Get('metrics')
  @Documented(getEventMetrics)
  async numbers(): Promise<{ readonly items: readonly SubscriptionNumbers[] }> {
    return { items: await this.metrics.read() };
  }
}
