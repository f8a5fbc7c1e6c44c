import { Keys1795219200000 } from './1795219200000-keys.js';
import { Scopes1795219201000 } from './1795219201000-scopes.js';
import { Clients1795219202000 } from './1795219202000-clients.js';
import { Audit1795219203000 } from './1795219203000-audit.js';
import { AccessTokens1795219204000 } from './1795219204000-access-tokens.js';

/** Every migration in the order it runs. A released migration is never edited. */
export const migrations = [
  Keys1795219200000,
  Scopes1795219201000,
  Clients1795219202000,
  Audit1795219203000,
  AccessTokens1795219204000,
];
