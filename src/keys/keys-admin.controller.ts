import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query } from '@nestjs/common';
import { Audited, type Caller, CurrentCaller, RequireScope } from '../access/index.js';
import { bodyOf, type Page, type Query as QueryParameters } from '../http/index.js';
import { Documented } from '../openapi/index.js';
import { type KeyAnswer, type RotationAnswer, rotationAnswer } from './key.answer.js';
import { listKeys, revokeKey, rotateKeys } from './keys.documentation.js';
import { RevokeKeyBody, RotateKeysBody } from './keys.dto.js';
import { KeysService } from './keys.service.js';

/** `/admin/oauth/keys`: the signing keys, and their life by hand. */
@Controller('admin/oauth/keys')
@RequireScope('admin:oauth')
export class KeysAdminController {
  constructor(@Inject(KeysService) private readonly keys: KeysService) {}

  @Get()
  @Documented(listKeys)
  list(@Query() query: QueryParameters): Promise<Page<KeyAnswer>> {
    return this.keys.list(query);
  }

  @Post('rotate')
  @HttpCode(200)
  @Audited('key.rotated')
  @Documented(rotateKeys)
  async rotate(
    @CurrentCaller() caller: Caller,
    @Body(bodyOf(RotateKeysBody, { optional: true })) body: RotateKeysBody,
  ): Promise<RotationAnswer> {
    return rotationAnswer(await this.keys.rotate(caller, body.immediate ?? false));
  }

  @Post(':kid/revoke')
  @HttpCode(204)
  @Audited('key.revoked')
  @Documented(revokeKey)
  async revoke(
    @CurrentCaller() caller: Caller,
    @Param('kid') kid: string,
    @Body(bodyOf(RevokeKeyBody, { optional: true })) body: RevokeKeyBody,
  ): Promise<void> {
    await this.keys.revoke(caller, kid, body.reason ?? undefined);
  }
}
