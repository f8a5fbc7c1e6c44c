import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

/** A client that holds many tokens at a time, where one for each of its programs would do. */
export interface HoardingClient {
  readonly client_id: string;
  /** Its tokens of the range. */
  readonly issued: number;
  /** Its tokens that are live now. */
  readonly live: number;
}

/** Fewer live tokens than this are nothing to speak of: a client may run many times, and ask for several scopes. */
const fewest = 10;

/** By the index: of each client the minutes to come, and what is left of this one by the second. */
const selectLive = `
  WITH asked AS MATERIALIZED (
    SELECT client_id, token_epoch FROM clients WHERE client_id = ANY ($1::text[]) AND status = 'active'
  ), this_minute AS MATERIALIZED (
    SELECT date_trunc('minute', statement_timestamp(), 'UTC') AS minute
  ), live AS (
    SELECT c.client_id, t.kid, t.live
    FROM asked c
    CROSS JOIN this_minute m
    CROSS JOIN LATERAL (
      SELECT kid, issued - revoked AS live FROM client_token_minutes
      WHERE client_id = c.client_id AND client_epoch = c.token_epoch AND minute > m.minute
      UNION ALL
      SELECT kid, issued - revoked FROM client_token_counts
      WHERE client_id = c.client_id AND client_epoch = c.token_epoch
        AND expires_at > statement_timestamp() AND expires_at < m.minute + interval '1 minute'
    ) t
    UNION ALL
    SELECT t.client_id, t.kid, t.issued - t.revoked
    FROM token_count_changes t
    JOIN asked c ON c.client_id = t.client_id AND c.token_epoch = t.client_epoch
    WHERE t.expires_at > statement_timestamp()
  )
  SELECT client_id, sum(live)::float8 AS live
  FROM live
  WHERE kid NOT IN (SELECT kid FROM signing_keys WHERE revoked_at IS NOT NULL)
  GROUP BY client_id HAVING sum(live) >= $2
  ORDER BY sum(live) DESC, client_id LIMIT $3`;

/** Finds out from the counters who takes more tokens than it uses up. */
@Injectable()
export class HoardingRepository {
  /** Those of `clients` that hold most live tokens. */
  async among(
    tx: EntityManager,
    clients: readonly { readonly client_id: string; readonly issued: number }[],
    limit: number,
  ): Promise<HoardingClient[]> {
    const issued = new Map(clients.map((client) => [client.client_id, client.issued]));
    const rows = await tx.query<{ client_id: string; live: number }[]>(selectLive, [[...issued.keys()], fewest, limit]);
    return rows.map(({ client_id, live }) => ({ client_id, issued: issued.get(client_id) ?? 0, live }));
  }
}
