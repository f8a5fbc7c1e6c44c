import { Module } from '@nestjs/common';
import { ScopeMeasures } from './scope-measures.js';
import { ScopeRegistry } from './scope-registry.js';
import { ScopeRepository } from './scope.repository.js';
import { ScopesController } from './scopes.controller.js';
import { ScopesService } from './scopes.service.js';

/** The scope registry. Needs a provider of `ScopeHolders`; `clients/` has it. */
@Module({
  controllers: [ScopesController],
  providers: [ScopeRepository, ScopesService, ScopeRegistry, ScopeMeasures],
  exports: [ScopesService, ScopeRegistry],
})
export class ScopesModule {}
