import { Module } from '@nestjs/common';

/** `POST /events`, and the catalogue of types. */
@Module({})
export class IngestModule {}
