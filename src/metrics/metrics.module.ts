import { Module } from '@nestjs/common';
import { MetricsExposition } from './metrics-exposition.js';
import { MetricsController } from './metrics.controller.js';
import { ProcessMeasures } from './process-measures.js';

/** `/metrics`, and the numbers of the process itself. */
@Module({ controllers: [MetricsController], providers: [MetricsExposition, ProcessMeasures] })
export class MetricsModule {}
