import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { BearerStrategy } from './bearer.strategy.js';
import { RouteDeclarations } from './route-declarations.js';
import { SenderConstraint } from './sender-constraint.js';

/** Verification of access tokens and the check that every route says who may call it. */
@Module({
  imports: [PassportModule, DiscoveryModule],
  providers: [BearerStrategy, RouteDeclarations, SenderConstraint],
  exports: [BearerStrategy],
})
export class AccessModule {}
