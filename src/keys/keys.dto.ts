import { IsBoolean, IsOptional, IsString, Matches, MaxLength } from 'class-validator';

/** Body of `POST /admin/oauth/keys/rotate`. */
export class RotateKeysBody {
  @IsOptional()
  @IsBoolean()
  immediate?: boolean | null;
}

/** Body of `POST /admin/oauth/keys/{kid}/revoke`. */
export class RevokeKeyBody {
  /** For the audit log. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  @Matches(/^\P{Cc}*$/u, { message: 'must not hold control characters' })
  reason?: string | null;
}
