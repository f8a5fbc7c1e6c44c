import { Global, Module } from '@nestjs/common';
import { SingleUse } from './single-use.service.js';

/** The memory of what may be used only once, for whoever checks an assertion or a proof. */
@Global()
@Module({ providers: [SingleUse], exports: [SingleUse] })
export class ReplayModule {}
