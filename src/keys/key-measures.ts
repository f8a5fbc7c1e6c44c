import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Postgres } from '../database/index.js';
import { Measurements, type Reading } from '../measurements/index.js';
import { KeyRing } from './key-ring.js';

const keys = 'signet_signing_keys';
const activeFor = 'signet_signing_key_active_seconds';

const selectKeys = `
  SELECT alg, status, count(*)::int4 AS count,
    coalesce(max(extract(epoch FROM statement_timestamp() - activated_at)) FILTER (WHERE status = 'active'), 0)::float8 AS age
  FROM signing_keys GROUP BY alg, status`;

/** Shows the signing keys as the database has them, and how old the knowledge of this process about them is. */
@Injectable()
export class KeyMeasures implements OnModuleInit {
  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(KeyRing) private readonly ring: KeyRing,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'signing_keys',
      series: [
        { name: keys, help: 'Signing keys in the database.', labels: ['alg', 'status'] },
        { name: activeFor, help: 'How long the oldest active signing key has been active.', labels: ['alg'] },
      ],
      freshMs: 5_000,
      read: () => this.read(),
    });
    const age = 'signet_key_ring_age_seconds';
    this.measurements.read({
      name: 'key_ring',
      series: [
        {
          name: age,
          help: 'Time since the keys in memory were last compared with the database.',
          labels: [],
        },
      ],
      read: () => [{ name: age, value: this.ring.ageMs / 1_000 }],
    });
  }

  private async read(): Promise<Reading[]> {
    const rows = await this.postgres.query<{ alg: string; status: string; count: number; age: number }>({
      name: 'signing_key_measures',
      text: selectKeys,
      values: [],
    });
    return rows.flatMap(({ alg, status, count, age }) => {
      const counted = { name: keys, labels: { alg, status }, value: count };
      return status === 'active' ? [counted, { name: activeFor, labels: { alg }, value: age }] : [counted];
    });
  }
}
