import { Inject, Injectable } from '@nestjs/common';
import { TokenStatus } from '../access/index.js';
import { Postgres } from '../database/index.js';

/** The three cuts (token, client, key) and the expiry, as the database has them now. */
const selectLiveness = `
  SELECT 1 AS live
  FROM access_tokens t
  JOIN clients c ON c.client_id = t.client_id AND c.token_epoch = t.client_epoch AND c.status = 'active'
  JOIN signing_keys k ON k.kid = t.kid AND k.status <> 'revoked'
  WHERE t.jti = $1::uuid AND t.expires_at = to_timestamp($2::float8) AND t.revoked_at IS NULL AND t.expires_at > now()`;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Answers from the database of record, never from a cache. */
@Injectable()
export class DatabaseTokenStatus extends TokenStatus {
  constructor(@Inject(Postgres) private readonly postgres: Postgres) {
    super();
  }

  async isActive(jti: string, expiresAt: number): Promise<boolean> {
    if (!uuid.test(jti) || !Number.isSafeInteger(expiresAt)) return false;
    const rows = await this.postgres.query({ name: 'token_status', text: selectLiveness, values: [jti, expiresAt] });
    return rows.length === 1;
  }
}
