import { Module } from '@nestjs/common';

/** `/admin/events/dead-letters`. */
@Module({})
export class DeadLettersModule {}
