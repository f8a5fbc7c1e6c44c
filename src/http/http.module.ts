import { type DynamicModule, Global, Module } from '@nestjs/common';
import { AllowedMethods } from './allowed-methods.js';
import { PreparedDocuments } from './prepared-document.js';

/** What the HTTP side and the modules tell each other: the routes, and the documents that are answered from memory. */
@Global()
@Module({})
export class HttpModule {
  static forRoot(allowedMethods: AllowedMethods, preparedDocuments: PreparedDocuments): DynamicModule {
    return {
      module: HttpModule,
      providers: [
        { provide: AllowedMethods, useValue: allowedMethods },
        { provide: PreparedDocuments, useValue: preparedDocuments },
      ],
      exports: [AllowedMethods, PreparedDocuments],
    };
  }
}
