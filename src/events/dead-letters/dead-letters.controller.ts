import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Query as QueryOf } from '@nestjs/common';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../../access/index.js';
import { bodyOf, NoMembersBody, type Page, type Query } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import type { DeadLetterAnswer, ReplayAnswer } from './dead-letter.js';
import { readFilter } from './dead-letter-filter.js';
import {
  deleteDeadLetter,
  listDeadLetters,
  replayDeadLetter,
  replayDeadLetters,
} from './dead-letters.documentation.js';
import { ReplayDeadLettersBody } from './dead-letters.dto.js';
import { DeadLettersService } from './dead-letters.service.js';

/** `/admin/events/dead-letters`: what was given up, and another try. */
@Controller('admin/events/dead-letters')
@RequireScope('admin:events')
export class DeadLettersController {
  constructor(@Inject(DeadLettersService) private readonly letters: DeadLettersService) {}

  @Get()
  @Documented(listDeadLetters)
  list(@QueryOf() query: Query): Promise<Page<DeadLetterAnswer>> {
    return this.letters.list(query);
  }

  @Post('replay')
  @HttpCode(202)
  @Audited('dead_letter.replayed')
  @Documented(replayDeadLetters)
  replayAll(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(ReplayDeadLettersBody, { optional: true })) body: ReplayDeadLettersBody,
  ): Promise<ReplayAnswer> {
    return this.letters.replayAll(caller, readFilter(body), body.dry_run === true);
  }

  @Post(':id/replay')
  @HttpCode(202)
  @Audited('dead_letter.replayed')
  @Documented(replayDeadLetter)
  replay(
    @Body(bodyOf(NoMembersBody, { optional: true })) _: NoMembersBody,
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
  ): Promise<DeadLetterAnswer> {
    return this.letters.replay(caller, id);
  }

  @Delete(':id')
  @HttpCode(204)
  @Audited('dead_letter.deleted')
  @Documented(deleteDeadLetter)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    return this.letters.delete(caller, id);
  }
}
