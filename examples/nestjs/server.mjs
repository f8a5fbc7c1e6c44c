// An API on NestJS: GET /orders for tokens with the scope read:profile. In TypeScript the decorators stand above what they
// decorate; JavaScript has none yet, so they are applied below.
import 'reflect-metadata';
import { Controller, Delete, Get, HttpCode, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Auth, RequireScope, SignetModule } from '@signet/sdk/nestjs';
import { createTokenVerifier } from '@signet/sdk/resource-server';

const { ISSUER = 'http://localhost:3000', AUDIENCE = 'https://orders.example.com', PORT = '8080' } = process.env;

class OrdersController {
  list(auth) {
    return { orders: ['order-1'], for: auth.clientId };
  }

  remove() {}
}

class AppModule {}

/** `@decorator list() {}` */
function decorate(name, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(OrdersController.prototype, name);
  for (const decorator of decorators) decorator(OrdersController.prototype, name, descriptor);
}
decorate('list', Get(), RequireScope('read:profile'));
decorate('remove', Delete(), HttpCode(204), RequireScope('manage:orders'));
Auth()(OrdersController.prototype, 'list', 0);
Controller('orders')(OrdersController);

const verifier = createTokenVerifier({ issuer: ISSUER, audience: AUDIENCE });
Module({ imports: [SignetModule.forRoot({ verifier })], controllers: [OrdersController] })(AppModule);

const app = await NestFactory.create(AppModule, new FastifyAdapter(), { logger: ['error'] });
await app.listen(Number(PORT), '127.0.0.1');
console.log(`listening on http://localhost:${PORT}`);
