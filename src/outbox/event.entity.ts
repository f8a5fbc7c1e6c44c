import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A row of `events`: a CloudEvent that waits for its routing, or was routed. */
@Entity({ name: 'events' })
@Unique('events_source_source_id_key', ['source', 'sourceId'])
@Index('events_unrouted', ['createdAt', 'id'], { where: 'routed_at IS NULL' })
export class EventEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'events_pkey' })
  id: string;

  /** CloudEvents 1.0 `source`. */
  @Column('text')
  source: string;

  /** CloudEvents 1.0 `id`: unique within its source. */
  @Column('text', { name: 'source_id' })
  sourceId: string;

  @Column('text')
  type: string;

  @Column('text', { nullable: true })
  subject: string | null;

  @Column('jsonb', { nullable: true })
  data: unknown;

  /** Version of the shape of `data`. */
  @Column('smallint', { name: 'schema_version', default: 1 })
  schemaVersion: number;

  @Column('timestamptz', { name: 'occurred_at' })
  occurredAt: Date;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;

  @Column('timestamptz', { name: 'routed_at', nullable: true })
  routedAt: Date | null;
}
