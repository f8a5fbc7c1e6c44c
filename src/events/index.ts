export {
  DeadLetterEntity,
  DeliveryAttemptEntity,
  DeliveryEntity,
  EventTypeEntity,
  SubscriptionEntity,
  SubscriptionHealthEntity,
  SubscriptionRegistryEntity,
  SubscriptionSecretEntity,
} from './records/index.js';
export { EventsModule } from './events.module.js';
