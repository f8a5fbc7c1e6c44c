import { Module } from '@nestjs/common';

/** `GET /events/poll` and `POST /events/ack`, for receivers behind firewalls. */
@Module({})
export class PollModule {}
