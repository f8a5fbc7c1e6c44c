import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AllowedMethods } from './allowed-methods.js';
import { FastLane } from './fast-lane.js';
import { PreparedDocuments } from './prepared-document.js';

/** What the HTTP side and the modules tell each other: the routes, and what is answered before the framework. */
export interface HttpParts {
  readonly allowedMethods: AllowedMethods;
  readonly preparedDocuments: PreparedDocuments;
  readonly fastLane: FastLane;
}

/** Makes {@link HttpParts} available everywhere. */
@Global()
@Module({})
export class HttpModule {
  static forRoot(parts: HttpParts): DynamicModule {
    return {
      module: HttpModule,
      providers: [
        { provide: AllowedMethods, useValue: parts.allowedMethods },
        { provide: PreparedDocuments, useValue: parts.preparedDocuments },
        { provide: FastLane, useValue: parts.fastLane },
      ],
      exports: [AllowedMethods, PreparedDocuments, FastLane],
    };
  }
}
