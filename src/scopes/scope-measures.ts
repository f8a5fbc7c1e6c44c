import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Measurements } from '../measurements/index.js';
import { ScopeRegistry } from './scope-registry.js';

const age = 'signet_scope_registry_age_seconds';

/** Shows how old the copy of the scope registry in memory is. */
@Injectable()
export class ScopeMeasures implements OnModuleInit {
  constructor(
    @Inject(ScopeRegistry) private readonly registry: ScopeRegistry,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    const help = 'Time since the scopes in memory were read; absent before they are first needed.';
    this.measurements.read({
      name: 'scope_registry',
      series: [{ name: age, help, labels: [] }],
      read: () => (this.registry.ageMs === undefined ? [] : [{ name: age, value: this.registry.ageMs / 1_000 }]),
    });
  }
}
