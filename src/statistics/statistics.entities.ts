import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** Unexpired tokens by the second of their expiry. Counted by SQL only; the entities here are for the drift test. */
@Entity({ name: 'token_counts' })
export class TokenCountEntity {
  @PrimaryColumn('timestamptz', { name: 'expires_at', primaryKeyConstraintName: 'token_counts_pkey' })
  expiresAt: Date;

  @PrimaryColumn('timestamptz', { name: 'issued_hour', primaryKeyConstraintName: 'token_counts_pkey' })
  issuedHour: Date;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'token_counts_pkey' })
  kid: string;

  @Column('bigint')
  issued: string;

  /** Those among them that were revoked one by one; what a cut of a client or key ends is not counted here. */
  @Column('bigint')
  revoked: string;
}

/** The same tokens by client and epoch. */
@Entity({ name: 'client_token_counts' })
@Index('client_token_counts_expires_at', ['expiresAt'])
export class ClientTokenCountEntity {
  @PrimaryColumn({
    type: 'text',
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'client_token_counts_pkey',
  })
  clientId: string;

  @PrimaryColumn('bigint', { name: 'client_epoch', primaryKeyConstraintName: 'client_token_counts_pkey' })
  clientEpoch: string;

  @PrimaryColumn('timestamptz', { name: 'expires_at', primaryKeyConstraintName: 'client_token_counts_pkey' })
  expiresAt: Date;

  @PrimaryColumn('timestamptz', { name: 'issued_hour', primaryKeyConstraintName: 'client_token_counts_pkey' })
  issuedHour: Date;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'client_token_counts_pkey' })
  kid: string;

  @Column('bigint')
  issued: string;

  @Column('bigint')
  revoked: string;
}

/** The same as `token_counts`, by the minute of expiry. */
@Entity({ name: 'token_minutes' })
export class TokenMinuteEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'token_minutes_pkey' })
  minute: Date;

  @PrimaryColumn('timestamptz', { name: 'issued_hour', primaryKeyConstraintName: 'token_minutes_pkey' })
  issuedHour: Date;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'token_minutes_pkey' })
  kid: string;

  @Column('bigint')
  issued: string;

  @Column('bigint')
  revoked: string;
}

/** The same as `client_token_counts`, by the minute of expiry and whatever the hour of issue. */
@Entity({ name: 'client_token_minutes' })
@Index('client_token_minutes_minute', ['minute'])
export class ClientTokenMinuteEntity {
  @PrimaryColumn({
    type: 'text',
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'client_token_minutes_pkey',
  })
  clientId: string;

  @PrimaryColumn('bigint', { name: 'client_epoch', primaryKeyConstraintName: 'client_token_minutes_pkey' })
  clientEpoch: string;

  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'client_token_minutes_pkey' })
  minute: Date;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'client_token_minutes_pkey' })
  kid: string;

  @Column('bigint')
  issued: string;

  @Column('bigint')
  revoked: string;
}

/** Tokens issued in an hour. */
@Entity({ name: 'token_hours' })
export class TokenHourEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'token_hours_pkey' })
  hour: Date;

  @Column('bigint')
  issued: string;

  /** Those among them that were revoked, in whatever way, and would have expired by now. */
  @Column('bigint')
  revoked: string;
}

/** Tokens issued to a client in an hour. */
@Entity({ name: 'client_token_hours' })
export class ClientTokenHourEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'client_token_hours_pkey' })
  hour: Date;

  @PrimaryColumn({
    type: 'text',
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'client_token_hours_pkey',
  })
  clientId: string;

  @Column('bigint')
  issued: string;
}

/** The one row of `token_folds`: raised by whoever writes the counters by client. */
@Entity({ name: 'token_folds' })
@Check('token_folds_id_check', 'id')
export class TokenFoldEntity {
  @PrimaryColumn('boolean', { primaryKeyConstraintName: 'token_folds_pkey', default: true })
  id: boolean;

  @Column('bigint', { default: '1' })
  version: string;
}

/** Tokens issued to a client on a day of UTC. */
@Entity({ name: 'client_token_days' })
export class ClientTokenDayEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'client_token_days_pkey' })
  day: Date;

  @PrimaryColumn({
    type: 'text',
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'client_token_days_pkey',
  })
  clientId: string;

  @Column('bigint')
  issued: string;
}

/** Requests of an hour that were answered with a token made for another one. */
@Entity({ name: 'coalesced_request_hours' })
export class CoalescedRequestHourEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'coalesced_request_hours_pkey' })
  hour: Date;

  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'coalesced_request_hours_pkey' })
  shard: number;

  @Column('bigint')
  requests: string;
}

/** Requests of an hour that went beyond a quota of their client. */
@Entity({ name: 'limited_request_hours' })
export class LimitedRequestHourEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'limited_request_hours_pkey' })
  hour: Date;

  @PrimaryColumn({
    type: 'text',
    name: 'client_id',
    collation: 'C',
    primaryKeyConstraintName: 'limited_request_hours_pkey',
  })
  clientId: string;

  /** `minute` or `day`. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'limited_request_hours_pkey' })
  quota: string;

  /** `enforce`: they were refused; `report`: they were not. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'limited_request_hours_pkey' })
  mode: string;

  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'limited_request_hours_pkey' })
  shard: number;

  @Column('bigint')
  requests: string;
}

/** Requests at the token endpoint refused in an hour. */
@Entity({ name: 'refused_request_hours' })
export class RefusedRequestHourEntity {
  @PrimaryColumn('timestamptz', { primaryKeyConstraintName: 'refused_request_hours_pkey' })
  hour: Date;

  @PrimaryColumn('text', { primaryKeyConstraintName: 'refused_request_hours_pkey' })
  error: string;

  @PrimaryColumn('smallint', { primaryKeyConstraintName: 'refused_request_hours_pkey' })
  shard: number;

  @Column('bigint')
  refused: string;
}
