import { Module } from '@nestjs/common';
import { ScopesModule } from '../../scopes/index.js';
import { DeletedSubscriptions } from './deleted-subscriptions.js';
import { DeliveryScope } from './delivery-scope.js';
import { GoneSubscriptions } from './gone-subscriptions.js';
import { SendableSubscriptions } from './sendable-subscriptions.js';
import { SigningSecrets } from './signing-secrets.js';
import { SigningSecretsService } from './signing-secrets.service.js';
import { SubscriptionDirectory } from './subscription-directory.js';
import { SubscriptionJournal } from './subscription-journal.js';
import { SubscriptionListingService } from './subscription-listing.service.js';
import { SubscriptionRepository } from './subscription.repository.js';
import { SubscriptionsController } from './subscriptions.controller.js';
import { SubscriptionsService } from './subscriptions.service.js';
import { TestEventsService } from './test-events.service.js';

/** `/admin/events/subscriptions`, and what the parts that route, send and poll need of a subscription. */
@Module({
  imports: [ScopesModule],
  controllers: [SubscriptionsController],
  providers: [
    SubscriptionRepository,
    SubscriptionJournal,
    DeliveryScope,
    SubscriptionsService,
    SubscriptionListingService,
    SigningSecretsService,
    TestEventsService,
    DeletedSubscriptions,
    SubscriptionDirectory,
    SigningSecrets,
    SendableSubscriptions,
    GoneSubscriptions,
  ],
  exports: [SubscriptionDirectory, SigningSecrets, SendableSubscriptions, GoneSubscriptions],
})
export class SubscriptionsModule {}
