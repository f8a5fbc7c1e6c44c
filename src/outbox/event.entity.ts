import { Column, Entity, Index, PrimaryColumn, Unique } from 'typeorm';

/** A row of `events`: a CloudEvent that waits for its routing, or was routed. */
@Entity({ name: 'events' })
@Unique('events_source_source_id_key', ['source', 'sourceId'])
@Index('events_unrouted', ['createdAt', 'id'], { where: 'routed_at IS NULL' })
@Index('events_unrouted_subject', ['source', 'subject', 'seq'], { where: 'routed_at IS NULL' })
@Index('events_routed_at', ['routedAt'], { where: 'routed_at IS NOT NULL' })
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

  /** Its number, drawn when it was written; a `bigint` as text. Events from before there were numbers have none, and come first. */
  @Column('bigint', { nullable: true, default: () => `nextval('events_seq')` })
  seq: string | null;

  /** The CloudEvent in structured mode, as it is sent; null for the server's own, which are made of their columns. */
  @Column('text', { nullable: true })
  envelope: string | null;

  /** The client that published it; null: the server itself. */
  @Column({ type: 'text', nullable: true, collation: 'C' })
  publisher: string | null;

  /** The one subscription that it is for, whatever the filters say; null: every one that matches. */
  @Column('uuid', { name: 'only_subscription_id', nullable: true })
  onlySubscriptionId: string | null;
}
