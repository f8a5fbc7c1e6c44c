import { Module } from '@nestjs/common';
import { EventCatalogue } from './catalogue/event-catalogue.js';
import { EventTypeRepository } from './catalogue/event-type.repository.js';
import { EventTypesController } from './catalogue/event-types.controller.js';
import { EventTypes } from './catalogue/event-types.service.js';
import { EventWriter } from './event.writer.js';
import { PublishController } from './publish.controller.js';
import { PublishQuota } from './publish-quota.js';
import { Publishing } from './publishing.service.js';

/** `POST /events`, and the catalogue of types. */
@Module({
  controllers: [PublishController, EventTypesController],
  providers: [EventCatalogue, EventTypeRepository, EventTypes, EventWriter, Publishing, PublishQuota],
})
export class IngestModule {}
