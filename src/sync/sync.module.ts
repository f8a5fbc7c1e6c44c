import { Module } from '@nestjs/common';
import { TokenModule } from '../token/index.js';
import { ChangeCompaction } from './change-compaction.js';
import { ChangeFeedRepository } from './change-feed.repository.js';
import { ChangeFeed } from './change-feed.service.js';
import { FeedWatch } from './feed-watch.js';
import { LongPolls } from './long-polls.js';
import { StateRepository } from './state.repository.js';
import { StateWriter } from './state-writer.service.js';
import { SyncController } from './sync.controller.js';
import { SyncService } from './sync.service.js';

/** `/sync`: state that services keep here for each other, and the feed of its changes. */
@Module({
  imports: [TokenModule],
  controllers: [SyncController],
  providers: [
    ChangeCompaction,
    ChangeFeed,
    ChangeFeedRepository,
    FeedWatch,
    LongPolls,
    StateRepository,
    StateWriter,
    SyncService,
  ],
})
export class SyncModule {}
