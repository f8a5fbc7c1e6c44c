import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Caller } from '../../access/index.js';
import { Audit, type AuditAction } from '../../audit/index.js';
import type { SubscriptionSettings } from './subscription.js';

/** Writes what happened to a subscription to the audit log, in the transaction in which it happened. */
@Injectable()
export class SubscriptionJournal {
  constructor(@Inject(Audit) private readonly audit: Audit) {}

  /** @param details never a secret, a header, or the path of a URL, which may hold one */
  async record(
    tx: EntityManager,
    caller: Caller,
    action: Extract<AuditAction, `subscription.${string}`>,
    id: string,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { clientId: actorClientId, origin } = caller;
    await this.audit.record(tx, {
      action,
      actorClientId,
      targetType: 'subscription',
      targetId: id,
      origin,
      ...(details === undefined ? {} : { details }),
    });
  }
}

/** What the audit log says of where a subscription leads and whose tokens it sends. */
export function journalled(settings: SubscriptionSettings): Readonly<Record<string, unknown>> {
  const { authScope, authType, clientId, delivery, eventTypes, url } = settings;
  return {
    delivery,
    ...(url === null ? {} : { url_origin: new URL(url).origin }),
    event_types: eventTypes.slice(0, 20),
    ...(clientId === null ? {} : { client_id: clientId }),
    auth: authType === 'none' ? { type: authType } : { type: authType, scope: (authScope ?? []).slice(0, 50) },
  };
}
