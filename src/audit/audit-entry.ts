/** What happened. Domain-event names without the `oauth.` in front. */
export type AuditAction =
  | 'access.denied'
  | 'audit.exported'
  | 'audit.pruned'
  | 'audit.read'
  | 'bootstrap.completed'
  | 'client.created'
  | 'client.updated'
  | 'client.disabled'
  | 'client.enabled'
  | 'client.deleted'
  | 'client.secret_regenerated'
  | 'client.secret_deleted'
  | 'dead_letter.deleted'
  | 'dead_letter.replayed'
  | 'event.publish_denied'
  | 'event_type.created'
  | 'event_type.updated'
  | 'event_type.deleted'
  | 'kek.rotated'
  | 'key.activated'
  | 'key.ceased'
  | 'key.created'
  | 'key.retired'
  | 'key.revoked'
  | 'key.rotated'
  | 'scope.created'
  | 'scope.updated'
  | 'scope.deleted'
  | 'subscription.created'
  | 'subscription.updated'
  | 'subscription.paused'
  | 'subscription.resumed'
  | 'subscription.deleted'
  | 'subscription.secret_rotated'
  | 'subscription.secret_unreadable'
  | 'subscription.tested'
  | 'state.type_claimed'
  | 'token.issued'
  | 'token.denied'
  | 'token.introspection_denied'
  | 'token.revocation_denied'
  | 'token.revoked'
  | 'token.reused';

/** What an entry is about; `targetId` is its public identifier. */
export type AuditTargetType =
  | 'client'
  | 'token'
  | 'refresh_family'
  | 'key'
  | 'scope'
  | 'event_type'
  | 'route'
  | 'audit_log'
  | 'subscription'
  | 'dead_letter'
  | 'state_type';

/** Where a request came from. */
export interface RequestOrigin {
  /** Address of the peer, or of the client behind a trusted proxy. */
  readonly ipAddress: string | undefined;
  readonly userAgent: string | undefined;
  readonly requestId: string | undefined;
}

/** One line of the audit log before it is stored. Never holds a secret, a token or an assertion. */
export interface AuditEntry {
  readonly action: AuditAction;
  /** The client whose token or credentials made the request; for a refusal, the one that it claimed to be. */
  readonly actorClientId?: string | undefined;
  readonly targetType?: AuditTargetType | undefined;
  readonly targetId?: string | undefined;
  readonly origin?: RequestOrigin | undefined;
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** A refusal: what was asked for, and the reason as a short machine-readable word. */
export interface AuditRefusal extends AuditEntry {
  readonly error: string;
}
