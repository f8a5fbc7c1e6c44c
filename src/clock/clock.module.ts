import { Global, Module } from '@nestjs/common';
import { Clock, FollowingClock } from './clock.js';

/** The clock, for every module. */
@Global()
@Module({ providers: [{ provide: Clock, useClass: FollowingClock }], exports: [Clock] })
export class ClockModule {}
