export { EventEntity } from './event.entity.js';
export { OutboxSignal } from './outbox-signal.js';
export { OutboxModule } from './outbox.module.js';
export { Outbox } from './outbox.service.js';
export type { ServerEvent } from './server-event.js';
