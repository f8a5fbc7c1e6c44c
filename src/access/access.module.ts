import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { PassportModule } from '@nestjs/passport';
import { AuditedRoutes } from './audited-routes.js';
import { BearerStrategy } from './bearer.strategy.js';
import { RouteDeclarations } from './route-declarations.js';
import { SenderConstraint } from './sender-constraint.js';

/** Verification of access tokens and the check that every route says who may call it. */
@Module({
  imports: [PassportModule, DiscoveryModule],
  providers: [AuditedRoutes, BearerStrategy, RouteDeclarations, SenderConstraint],
  exports: [AuditedRoutes, BearerStrategy],
})
export class AccessModule {}
