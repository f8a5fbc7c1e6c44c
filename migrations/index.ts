import { Keys1795219200000 } from './1795219200000-keys.js';
import { Scopes1795219201000 } from './1795219201000-scopes.js';
import { Clients1795219202000 } from './1795219202000-clients.js';
import { Audit1795219203000 } from './1795219203000-audit.js';
import { AccessTokens1795219204000 } from './1795219204000-access-tokens.js';
import { Outbox1795219205000 } from './1795219205000-outbox.js';
import { TokenLife1795219206000 } from './1795219206000-token-life.js';
import { KeyLife1795219207000 } from './1795219207000-key-life.js';
import { AuditChain1795219208000 } from './1795219208000-audit-chain.js';
import { Statistics1795219209000 } from './1795219209000-statistics.js';
import { EventRoad1795219210000 } from './1795219210000-event-road.js';
import { StateSync1795219211000 } from './1795219211000-state-sync.js';
import { Limits1795219212000 } from './1795219212000-limits.js';
import { UncountedTokens1795219213000 } from './1795219213000-uncounted-tokens.js';
import { TokenFolds1795219214000 } from './1795219214000-token-folds.js';
import { TokenMinutes1795219215000 } from './1795219215000-token-minutes.js';

/** Every migration in the order it runs. A released migration is never edited. */
export const migrations = [
  Keys1795219200000,
  Scopes1795219201000,
  Clients1795219202000,
  Audit1795219203000,
  AccessTokens1795219204000,
  Outbox1795219205000,
  TokenLife1795219206000,
  KeyLife1795219207000,
  AuditChain1795219208000,
  Statistics1795219209000,
  EventRoad1795219210000,
  StateSync1795219211000,
  Limits1795219212000,
  UncountedTokens1795219213000,
  TokenFolds1795219214000,
  TokenMinutes1795219215000,
];
