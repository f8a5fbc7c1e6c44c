import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Patch, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../../access/index.js';
import { ServerConfig } from '../../config/index.js';
import { bodyOf, NoMembersBody, type Page, type Query as QueryParameters } from '../../http/index.js';
import { Documented } from '../../openapi/index.js';
import { SigningSecretsService } from './signing-secrets.service.js';
import { SubscriptionListingService } from './subscription-listing.service.js';
import {
  type CreatedSubscriptionAnswer,
  type RotatedSecretAnswer,
  rotatedSecretAnswer,
  type SubscriptionAnswer,
  type TestAnswer,
} from './subscription.answer.js';
import {
  createSubscription,
  deleteSubscription,
  getSubscription,
  listSubscriptions,
  rotateSigningSecret,
  testSubscription,
  updateSubscription,
} from './subscriptions.documentation.js';
import { CreateSubscriptionBody, RotateSecretBody, UpdateSubscriptionBody } from './subscriptions.dto.js';
import { SubscriptionsService } from './subscriptions.service.js';
import { TestEventsService } from './test-events.service.js';

/** `/admin/events/subscriptions`: who is told of which events, and how. */
@Controller('admin/events/subscriptions')
@RequireScope('admin:events')
export class SubscriptionsController {
  constructor(
    @Inject(SubscriptionsService) private readonly subscriptions: SubscriptionsService,
    @Inject(SigningSecretsService) private readonly secrets: SigningSecretsService,
    @Inject(TestEventsService) private readonly tests: TestEventsService,
    @Inject(SubscriptionListingService) private readonly listing: SubscriptionListingService,
    @Inject(ServerConfig) private readonly server: ServerConfig,
  ) {}

  @Get()
  @Documented(listSubscriptions)
  list(@Query() query: QueryParameters): Promise<Page<SubscriptionAnswer>> {
    return this.listing.list(query);
  }

  @Post()
  @Audited('subscription.created')
  @Documented(createSubscription)
  async create(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(CreateSubscriptionBody)) body: CreateSubscriptionBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<CreatedSubscriptionAnswer> {
    const { subscription, signingSecret } = await this.subscriptions.create(caller, body);
    reply.header('location', `${this.server.issuer}/admin/events/subscriptions/${subscription.id}`);
    return { ...this.listing.answer(subscription), signing_secret: signingSecret };
  }

  @Get(':id')
  @Documented(getSubscription)
  async get(@Param('id') id: string): Promise<SubscriptionAnswer> {
    return this.listing.answer(await this.listing.get(id));
  }

  @Patch(':id')
  @Audited('subscription.updated')
  @Documented(updateSubscription)
  async update(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body(bodyOf(UpdateSubscriptionBody)) patch: UpdateSubscriptionBody,
  ): Promise<SubscriptionAnswer> {
    return this.listing.answer(await this.subscriptions.update(caller, id, patch));
  }

  @Delete(':id')
  @HttpCode(204)
  @Audited('subscription.deleted')
  @Documented(deleteSubscription)
  delete(@CurrentCaller() caller: Caller, @Param('id') id: string): Promise<void> {
    return this.subscriptions.delete(caller, id);
  }

  @Post(':id/rotate-secret')
  @HttpCode(200)
  @Audited('subscription.secret_rotated')
  @Documented(rotateSigningSecret)
  async rotateSecret(
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
    @Body(bodyOf(RotateSecretBody, { optional: true })) body: RotateSecretBody,
  ): Promise<RotatedSecretAnswer> {
    return rotatedSecretAnswer(id, await this.secrets.rotate(caller, id, body.overlap_seconds ?? 0));
  }

  @Post(':id/test')
  @HttpCode(202)
  @Audited('subscription.tested')
  @Documented(testSubscription)
  async test(
    @Body(bodyOf(NoMembersBody, { optional: true })) _: NoMembersBody,
    @CurrentCaller() caller: Caller,
    @Param('id') id: string,
  ): Promise<TestAnswer> {
    return { event_id: await this.tests.send(caller, id) };
  }
}
