import { Module } from '@nestjs/common';
import { TokenModule } from '../../token/index.js';
import { Acknowledgements } from './acknowledgements.service.js';
import { HandOut } from './hand-out.service.js';
import { LeaseRepository } from './lease.repository.js';
import { PollController } from './poll.controller.js';
import { PolledSubscriptions } from './polled-subscriptions.js';
import { PollService } from './poll.service.js';
import { PollWaits } from './poll-waits.js';
import { SettlementRepository } from './settlement.repository.js';

/** `GET /events/poll` and `POST /events/ack`, for receivers behind firewalls. */
@Module({
  imports: [TokenModule],
  controllers: [PollController],
  providers: [
    Acknowledgements,
    HandOut,
    LeaseRepository,
    PolledSubscriptions,
    PollService,
    PollWaits,
    SettlementRepository,
  ],
})
export class PollModule {}
