/**
 * What this server tells of itself (http-api.md "Events"). Thin notices: identifiers, never a secret, hash, token or assertion.
 *
 * `epoch` is the client's count of token cuts after the change: "forget what you know about this client below it".
 */
export type ServerEvent =
  | {
      readonly type:
        | 'oauth.client.created'
        | 'oauth.client.updated'
        | 'oauth.client.disabled'
        | 'oauth.client.enabled'
        | 'oauth.client.deleted';
      readonly subject: string;
      readonly data: { readonly client_id: string; readonly epoch: number; readonly changed?: readonly string[] };
    }
  | {
      readonly type: 'oauth.client.secret_regenerated';
      readonly subject: string;
      readonly data: { readonly client_id: string; readonly secret_id: string };
    }
  | {
      /** One token where there is a `jti`; else every token of the client that is older than `epoch`. */
      readonly type: 'oauth.token.revoked';
      readonly subject: string;
      readonly data: {
        readonly client_id: string;
        readonly jti?: string;
        readonly expires_at?: string;
        readonly epoch?: number;
        readonly reason: string;
      };
    }
  | {
      /** `kid` is published, and will sign (`pending`), or signs from now on (`active`) instead of `previous_kid`. */
      readonly type: 'oauth.key.rotated';
      readonly subject: string;
      readonly data: {
        readonly kid: string;
        readonly alg: string;
        readonly status: 'pending' | 'active';
        readonly previous_kid?: string;
      };
    }
  | {
      readonly type: 'oauth.key.revoked';
      readonly subject: string;
      readonly data: { readonly kid: string; readonly alg: string };
    }
  | {
      /** `subject` is `resource_type/resource_id`. */
      readonly type: 'state.changed';
      readonly subject: string;
      readonly data: {
        readonly resource_type: string;
        readonly resource_id: string;
        readonly version: number;
        readonly deleted: boolean;
      };
    }
  | {
      /** `subject` is the id of the dead letter. The death of such an event itself is not told. */
      readonly type: 'event.dead_lettered';
      readonly subject: string;
      readonly data: {
        readonly id: string;
        readonly delivery_id: string;
        readonly event_id: string;
        readonly event_type: string;
        readonly subscription_id: string;
        readonly reason: string;
      };
    };
