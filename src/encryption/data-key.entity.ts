import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A key that others are derived from, wrapped by the key-encryption key. */
@Entity({ name: 'data_keys' })
export class DataKeyEntity {
  @PrimaryColumn('text', { primaryKeyConstraintName: 'data_keys_pkey' })
  purpose: string;

  @Column('text', { name: 'kek_id' })
  kekId: string;

  @Column('bytea')
  wrapped: Buffer;

  @Column('timestamptz', { name: 'created_at', default: () => 'now()' })
  createdAt: Date;
}
