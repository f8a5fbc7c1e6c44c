import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Measurements } from './measurements.js';

/** Makes the measurements of this server available everywhere. */
@Global()
@Module({})
export class MeasurementsModule {
  static forRoot(measurements: Measurements): DynamicModule {
    return {
      module: MeasurementsModule,
      providers: [{ provide: Measurements, useValue: measurements }],
      exports: [Measurements],
    };
  }
}
