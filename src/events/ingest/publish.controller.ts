import { Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../../access/index.js';
import { JsonBody } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import { readCloudEvents } from '../../protocol/index.js';
import { publishEvents } from './publish.documentation.js';
import { type AcceptedEvent, Publishing } from './publishing.service.js';

/** `POST /events`: CloudEvents in. */
@Controller('events')
@RequireScope('events:publish')
export class PublishController {
  constructor(@Inject(Publishing) private readonly publishing: Publishing) {}

  @Post()
  @HttpCode(202)
  @Audited('event.publish_denied')
  @Documented(publishEvents)
  async publish(
    @CurrentCaller() caller: Caller,
    @Req() { body, raw }: FastifyRequest,
  ): Promise<{ accepted: AcceptedEvent[] }> {
    const bytes = body instanceof JsonBody ? body.bytes : new Uint8Array();
    const events = readCloudEvents({ rawHeaders: raw.rawHeaders, body: bytes });
    return { accepted: await this.publishing.publish(caller, events) };
  }
}
