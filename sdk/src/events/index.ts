// For a service that tells, and is told, what happens.
export type { CloudEvent } from './cloud-event.js';
export { type EventHandler, isOfType } from './handlers.js';
export { type Inbox, MemoryInbox } from './inbox.js';
export { pollEvents, type PollOptions } from './poll-consumer.js';
export { type Accepted, createPublisher, type NewEvent, PublishError, type PublisherOptions } from './publisher.js';
export { WebhookError, type WebhookFault } from './signature.js';
export { fastifyWebhookHook, nodeWebhookHandler, webWebhookHandler } from './webhook-adapters.js';
export {
  createWebhookReceiver,
  type DeliveryHeaders,
  type Received,
  type WebhookReceiver,
  type WebhookReceiverOptions,
} from './webhook-receiver.js';
