export { GoneSubscriptions } from './gone-subscriptions.js';
export { SendableSubscriptions } from './sendable-subscriptions.js';
export { SigningSecrets } from './signing-secrets.js';
export { SigningSecretUnreadable } from './subscriptions.errors.js';
export { matchableEvent, type RoutableSubscription, SubscriptionDirectory } from './subscription-directory.js';
export type { DeliveryToken, SendableSubscription } from './subscription.js';
export { SubscriptionsModule } from './subscriptions.module.js';
