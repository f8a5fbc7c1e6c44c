import { Module } from '@nestjs/common';
import { DeadLetterRepository } from './dead-letter.repository.js';
import { DeadLettersController } from './dead-letters.controller.js';
import { DeadLettersService } from './dead-letters.service.js';

/** `/admin/events/dead-letters`. */
@Module({ controllers: [DeadLettersController], providers: [DeadLetterRepository, DeadLettersService] })
export class DeadLettersModule {}
