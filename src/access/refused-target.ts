import type { AuditAction, AuditTargetType } from '../audit/index.js';

/** What a refused request was about. */
export interface RefusedTarget {
  readonly targetType: AuditTargetType;
  /** Its public identifier, as the path names it; `undefined` where the request would have made one. */
  readonly targetId: string | undefined;
}

/** Path parameters that name what their route is about, whatever it is called for. */
const typesByParameter: readonly (readonly [parameter: string, type: AuditTargetType])[] = [
  ['client_id', 'client'],
  ['jti', 'token'],
  ['kid', 'key'],
  ['name', 'scope'],
  ['type', 'event_type'],
];

const typesByNoun: Readonly<Record<string, AuditTargetType>> = {
  audit: 'audit_log',
  client: 'client',
  dead_letter: 'dead_letter',
  event_type: 'event_type',
  key: 'key',
  scope: 'scope',
  subscription: 'subscription',
  token: 'token',
};

/** Members of the body in which a request names what it would make, and what such a name may look like. */
const namesInBody: Readonly<Partial<Record<AuditAction, readonly [member: string, form: RegExp]>>> = {
  'client.created': ['client_id', /^[A-Za-z0-9._-]{3,64}$/],
  'scope.created': ['name', /^[\x21\x23-\x5B\x5D-\x7E]{1,128}$/],
};

/**
 * The target of a change that was refused, the same that the change would have had; `undefined` where the request was about
 * nothing that has a name.
 *
 * @param action the name that the change would have had
 * @param parameters those of the path
 * @param body of a caller who is known
 */
export function refusedTarget(
  action: AuditAction,
  parameters: Readonly<Record<string, string>>,
  body?: unknown,
): RefusedTarget | undefined {
  if (action === 'access.denied') return undefined;
  for (const [parameter, targetType] of typesByParameter) {
    const targetId = parameters[parameter];
    if (targetId !== undefined) return { targetType, targetId };
  }
  const targetType = typesByNoun[action.split('.')[0] ?? ''];
  return targetType === undefined ? undefined : { targetType, targetId: parameters['id'] ?? namedIn(action, body) };
}

function namedIn(action: AuditAction, body: unknown): string | undefined {
  const [member, form] = namesInBody[action] ?? [];
  if (member === undefined || typeof body !== 'object' || body === null) return undefined;
  const name = (body as Readonly<Record<string, unknown>>)[member];
  return typeof name === 'string' && form?.test(name) === true ? name : undefined;
}
