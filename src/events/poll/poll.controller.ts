import { Body, Controller, Get, HttpCode, Inject, Post, Query as QueryOf, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Caller, CurrentCaller, RequireScope } from '../../access/index.js';
import { bodyOf, type Query } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import { AckBody, readAcknowledgement } from './ack.dto.js';
import { type AckAnswer, Acknowledgements } from './acknowledgements.service.js';
import { nothing, pollJson } from './handed-out.js';
import { acknowledgeEvents, pollEvents } from './poll.documentation.js';
import { readPollQuery } from './poll-query.js';
import { PollService } from './poll.service.js';

/** `/events/poll` and `/events/ack`: delivery to receivers that cannot be called. */
@Controller('events')
@RequireScope('events:poll')
export class PollController {
  constructor(
    @Inject(PollService) private readonly polls: PollService,
    @Inject(Acknowledgements) private readonly acknowledgements: Acknowledgements,
  ) {}

  @Get('poll')
  @Documented(pollEvents)
  async poll(
    @CurrentCaller() caller: Caller,
    @QueryOf() sent: Query,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const query = readPollQuery(sent);
    const answer =
      // Nobody would see what was handed out (RFC 9110 §9.3.2).
      request.method === 'HEAD' ? nothing : await this.polls.poll(caller, query, endOf(request, reply));
    reply.header('content-type', 'application/json; charset=utf-8');
    reply.header('cache-control', 'no-store');
    return pollJson(answer);
  }

  @Post('ack')
  @HttpCode(200)
  @Documented(acknowledgeEvents)
  acknowledge(@CurrentCaller() caller: Caller, @Body(bodyOf(AckBody)) body: AckBody): Promise<AckAnswer> {
    return this.acknowledgements.settle(caller.clientId, readAcknowledgement(body));
  }
}

/** Aborted when the connection closes. */
function endOf(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const end = new AbortController();
  reply.raw.once('close', () => end.abort());
  if (request.raw.socket.destroyed) end.abort();
  return end.signal;
}
