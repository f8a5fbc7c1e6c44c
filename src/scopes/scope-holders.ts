import type { EntityManager } from 'typeorm';

/** What the registry must know of clients. `clients/` provides it. */
export abstract class ScopeHolders {
  /** Whether a client that is not deleted is allowed `name` literally; one that a wildcard covers does not count. */
  abstract anyHolds(tx: EntityManager, name: string): Promise<boolean>;
}
