import { IsOptional, IsString, Length, Matches } from 'class-validator';

/** Body of `POST /admin/oauth/tokens/{jti}/revoke`. */
export class RevokeTokenBody {
  @IsOptional()
  @IsString()
  @Length(1, 256)
  @Matches(/^\P{Cc}*$/u, { message: 'must not hold control characters' })
  reason?: string | null;
}
