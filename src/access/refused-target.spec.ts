import { refusedTarget } from './refused-target.js';

it.each([
  ['client.created', { client_id: 'billing' }, { targetType: 'client', targetId: 'billing' }],
  ['client.created', { client_id: 'b\nb' }, { targetType: 'client', targetId: undefined }],
  ['client.created', { client_id: ['billing'] }, { targetType: 'client', targetId: undefined }],
  ['client.created', 'billing', { targetType: 'client', targetId: undefined }],
  ['scope.created', { name: 'read:orders' }, { targetType: 'scope', targetId: 'read:orders' }],
  ['scope.created', null, { targetType: 'scope', targetId: undefined }],
  ['key.rotated', { client_id: 'billing' }, { targetType: 'key', targetId: undefined }],
] as const)('a refused %s whose body is %j is about %j', (action, body, target) => {
  expect(refusedTarget(action, {}, body)).toEqual(target);
});

it.each([
  ['client.deleted', { client_id: 'billing' }, { targetType: 'client', targetId: 'billing' }],
  ['client.secret_deleted', { client_id: 'billing', secret_id: 's1' }, { targetType: 'client', targetId: 'billing' }],
  ['token.revoked', { client_id: 'billing' }, { targetType: 'client', targetId: 'billing' }],
  ['token.revoked', { jti: 'j1' }, { targetType: 'token', targetId: 'j1' }],
  ['key.revoked', { kid: 'k1' }, { targetType: 'key', targetId: 'k1' }],
  ['key.rotated', {}, { targetType: 'key', targetId: undefined }],
  ['client.created', {}, { targetType: 'client', targetId: undefined }],
  ['scope.updated', { name: 'read:orders' }, { targetType: 'scope', targetId: 'read:orders' }],
  ['subscription.tested', { id: 'x' }, { targetType: 'subscription', targetId: 'x' }],
  ['dead_letter.replayed', { id: 'x' }, { targetType: 'dead_letter', targetId: 'x' }],
  ['event_type.updated', { type: 'order.created' }, { targetType: 'event_type', targetId: 'order.created' }],
  ['audit.exported', {}, { targetType: 'audit_log', targetId: undefined }],
  ['access.denied', { client_id: 'billing' }, undefined],
  ['event.publish_denied', {}, undefined],
] as const)('a refused %s with %j is about %j', (action, parameters, target) => {
  expect(refusedTarget(action, parameters)).toEqual(target);
});
