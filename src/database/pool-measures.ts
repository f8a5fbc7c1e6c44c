import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Measurements, type Reading } from '../measurements/index.js';
import { type ConnectionCounts, connectionsOfDataSource } from './connection-counts.js';
import { Postgres } from './postgres.js';

const connections = 'signet_database_connections';
const most = 'signet_database_connections_max';
const waiting = 'signet_database_connection_waiters';

/** Shows how the two pools are used: that of the hot paths, and TypeORM's. */
@Injectable()
export class PoolMeasures implements OnModuleInit {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Measurements) private readonly measurements: Measurements,
  ) {}

  onModuleInit(): void {
    this.measurements.read({
      name: 'database_pools',
      series: [
        { name: connections, help: 'Open connections to PostgreSQL.', labels: ['pool', 'state'] },
        { name: most, help: 'Most connections to PostgreSQL that a pool opens.', labels: ['pool'] },
        { name: waiting, help: 'Statements that wait for a connection to PostgreSQL.', labels: ['pool'] },
      ],
      read: () => [
        ...readings('hot', this.postgres.connections),
        ...readings('main', connectionsOfDataSource(this.dataSource)),
      ],
    });
  }
}

function readings(pool: string, counts: ConnectionCounts | undefined): Reading[] {
  if (counts === undefined) return [];
  return [
    { name: connections, labels: { pool, state: 'busy' }, value: counts.open - counts.idle },
    { name: connections, labels: { pool, state: 'idle' }, value: counts.idle },
    { name: most, labels: { pool }, value: counts.max },
    { name: waiting, labels: { pool }, value: counts.waiting },
  ];
}
