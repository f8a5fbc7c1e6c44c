import { Global, Module } from '@nestjs/common';
import { LaneSignal } from './lane-signal.js';

/** What the parts of the event road share. */
@Global()
@Module({ providers: [LaneSignal], exports: [LaneSignal] })
export class RecordsModule {}
