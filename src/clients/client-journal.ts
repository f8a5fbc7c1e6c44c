import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../access/index.js';
import { Audit } from '../audit/index.js';
import { Outbox } from '../outbox/index.js';

type ServerEvent = Parameters<Outbox['append']>[1];

/** What happened to a client. */
export interface ClientChange {
  readonly action:
    | 'client.created'
    | 'client.updated'
    | 'client.disabled'
    | 'client.enabled'
    | 'client.deleted'
    | 'client.secret_regenerated'
    | 'client.secret_deleted';
  readonly clientId: string;
  /** The count of its token cuts after the change. */
  readonly epoch: string;
  /** The members that changed, as in JSON. */
  readonly changed?: readonly string[];
  /** The secret that came, or went. */
  readonly secretId?: string | undefined;
}

/**
 * Tells what happened to a client, in the transaction in which it happened: one entry in the audit log for those who look back,
 * and events for those who must know (http-api.md "Events"). Neither holds anything of a secret.
 */
@Injectable()
export class ClientJournal {
  constructor(
    @Inject(Audit) private readonly audit: Audit,
    @Inject(Outbox) private readonly outbox: Outbox,
  ) {}

  /**
   * @param caller `undefined`: the server itself
   * @param details what the audit entry says beside `changed` and `secret_id`
   */
  async record(
    tx: EntityManager,
    caller: Caller | undefined,
    change: ClientChange,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { action, clientId, changed, secretId } = change;
    await this.audit.record(tx, {
      action,
      actorClientId: caller?.clientId,
      targetType: 'client',
      targetId: clientId,
      origin: caller?.origin,
      details: definedOnly({ changed, secret_id: secretId, ...details }),
    });
    await this.outbox.appendAll(tx, eventsOf(change));
  }
}

function definedOnly(details: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const defined = Object.entries(details).filter(([, value]) => value !== undefined);
  return defined.length === 0 ? undefined : Object.fromEntries(defined);
}

function eventsOf({ action, clientId, epoch, changed, secretId }: ClientChange): ServerEvent[] {
  const data = { client_id: clientId, epoch: Number(epoch) };
  const regenerated: ServerEvent[] =
    secretId === undefined
      ? []
      : [
          {
            type: 'oauth.client.secret_regenerated',
            subject: clientId,
            data: { client_id: clientId, secret_id: secretId },
          },
        ];
  switch (action) {
    case 'client.secret_regenerated':
      return regenerated;
    case 'client.secret_deleted':
      return [{ type: 'oauth.client.updated', subject: clientId, data: { ...data, changed: ['secrets'] } }];
    case 'client.updated':
      return [
        { type: 'oauth.client.updated', subject: clientId, data: { ...data, changed: changed ?? [] } },
        ...regenerated,
      ];
    default:
      return [
        { type: `oauth.${action}`, subject: clientId, data: changed === undefined ? data : { ...data, changed } },
      ];
  }
}
