import { Module } from '@nestjs/common';

/** `/sync`: state that services keep here for each other, and the feed of its changes. */
@Module({})
export class SyncModule {}
