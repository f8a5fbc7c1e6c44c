import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** A row of the append-only audit log. Written by SQL only; the entity is for reading and for the drift test. */
@Entity({ name: 'audit_log' })
@Index('audit_log_occurred_at_id', ['occurredAt', 'id'])
@Index('audit_log_actor_client_id', ['actorClientId', 'occurredAt', 'id'])
@Index('audit_log_target_client', ['targetId', 'occurredAt', 'id'], { where: `target_type = 'client'` })
@Index('audit_log_action', ['action', 'occurredAt', 'id'], { where: `action <> 'token.issued'` })
@Index('audit_log_refused', ['occurredAt', 'id'], { where: 'NOT success' })
@Index('audit_log_batch_id', ['batchId'], { where: 'batch_id IS NOT NULL' })
export class AuditLogEntity {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'audit_log_pkey' })
  id: string;

  @PrimaryColumn('timestamptz', { name: 'occurred_at', primaryKeyConstraintName: 'audit_log_pkey' })
  occurredAt: Date;

  @Column('text')
  action: string;

  @Column('boolean')
  success: boolean;

  @Column({ type: 'text', name: 'actor_client_id', nullable: true, collation: 'C' })
  actorClientId: string | null;

  @Column('text', { name: 'target_type', nullable: true })
  targetType: string | null;

  @Column({ type: 'text', name: 'target_id', nullable: true, collation: 'C' })
  targetId: string | null;

  @Column('inet', { name: 'ip_address', nullable: true })
  ipAddress: string | null;

  @Column('text', { name: 'user_agent', nullable: true })
  userAgent: string | null;

  @Column('text', { name: 'request_id', nullable: true })
  requestId: string | null;

  @Column('jsonb', { nullable: true })
  details: Record<string, unknown> | null;

  @Column('text', { nullable: true })
  error: string | null;

  /** The batch of issued tokens that an entry belongs to; its digest is what the chain holds of it. */
  @Column('uuid', { name: 'batch_id', nullable: true })
  batchId: string | null;
}
