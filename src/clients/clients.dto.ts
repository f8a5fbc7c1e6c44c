import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsOptional,
  IsString,
  Length,
  Matches,
  MaxLength,
  ValidateIf,
} from 'class-validator';
import { all, Integer, isSent, Name, noControlCharacters, Untouched } from '../http/index.js';
import type { ClientStatus, RateLimitMode } from './client.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** A list; what it holds is checked item by item, so that a fault can name the item. */
function List(max: number): PropertyDecorator {
  return all(IsOptional(), IsArray(), ArrayMaxSize(max));
}

/** What a certificate names; how it is written is checked with the settings. */
function Subject(): PropertyDecorator {
  return all(IsOptional(), IsString(), Length(1, 1024));
}

/** The members that a registration and a change of it share; types and bounds only. `null` stands for the default. */
export abstract class ClientMembers {
  @IsOptional()
  @IsString()
  @MaxLength(1000)
  @noControlCharacters
  description?: string | null;

  @List(10)
  grant_types?: readonly unknown[] | null;

  @IsOptional()
  @IsString()
  token_endpoint_auth_method?: string | null;

  @IsOptional()
  @IsString()
  @MaxLength(4096)
  scope?: string | null;

  @List(20)
  audience?: readonly unknown[] | null;

  @List(20)
  resource_identifiers?: readonly unknown[] | null;

  @Integer(60, 86_400)
  access_token_ttl_seconds?: number | null;

  @Integer(1, 2_592_000)
  refresh_token_ttl_seconds?: number | null;

  @Integer(0, 60)
  refresh_token_grace_seconds?: number | null;

  @Untouched()
  jwks?: JsonObject | null;

  @IsOptional()
  @IsString()
  jwks_uri?: string | null;

  @IsOptional()
  @IsBoolean()
  dpop_bound_access_tokens?: boolean | null;

  @Subject()
  tls_client_auth_subject_dn?: string | null;

  @Subject()
  tls_client_auth_san_dns?: string | null;

  @Subject()
  tls_client_auth_san_uri?: string | null;

  @Subject()
  tls_client_auth_san_ip?: string | null;

  @Subject()
  tls_client_auth_san_email?: string | null;

  @IsOptional()
  @IsBoolean()
  tls_client_certificate_bound_access_tokens?: boolean | null;

  @List(100)
  allowed_networks?: readonly unknown[] | null;

  @Integer(1, 1_000_000)
  rate_limit_per_minute?: number | null;

  @Integer(1, 1_000_000_000)
  rate_limit_per_day?: number | null;

  @IsOptional()
  @IsIn(['enforce', 'report'])
  rate_limit_mode?: RateLimitMode | null;

  @Integer(0, 60)
  token_coalescing_seconds?: number | null;

  @List(10)
  contacts?: readonly unknown[] | null;

  @Untouched()
  metadata?: JsonObject | null;
}

/** Body of `POST /admin/oauth/clients`. */
export class CreateClientBody extends ClientMembers {
  @IsOptional()
  @Matches(/^[A-Za-z0-9._-]{3,64}$/, { message: 'must be 3 to 64 characters of A-Z a-z 0-9 . _ -' })
  client_id?: string | null;

  @Name()
  client_name: string;
}

/** Body of `PATCH /admin/oauth/clients/{client_id}`: a JSON merge patch (RFC 7396). */
export class UpdateClientBody extends ClientMembers {
  @ValidateIf(isSent)
  @Name()
  client_name?: string;

  @ValidateIf(isSent)
  @IsIn(['active', 'disabled'])
  status?: ClientStatus;
}

/** Body of `POST /admin/oauth/clients/{client_id}/regenerate-secret`. */
export class RegenerateSecretBody {
  @Integer(0, 2_592_000)
  overlap_seconds?: number | null;
}
