import { IsOptional, IsString, Matches, MaxLength, ValidateIf } from 'class-validator';

const maxDescription = 1000;
const printable = { message: 'must not hold control characters' };

/** Body of `POST /admin/oauth/scopes`. */
export class CreateScopeBody {
  @IsString()
  name: string;

  @IsOptional()
  @IsString()
  @MaxLength(maxDescription)
  @Matches(/^\P{Cc}*$/u, printable)
  description?: string | null;
}

/** Body of `PATCH /admin/oauth/scopes/{name}`: a JSON merge patch (RFC 7396). */
export class UpdateScopeBody {
  /** `null` empties it. */
  @ValidateIf((body: UpdateScopeBody) => body.description !== undefined && body.description !== null)
  @IsString()
  @MaxLength(maxDescription)
  @Matches(/^\P{Cc}*$/u, printable)
  description?: string | null;
}
