export { EventEntity } from './event.entity.js';
export { OutboxModule } from './outbox.module.js';
export { Outbox } from './outbox.service.js';
