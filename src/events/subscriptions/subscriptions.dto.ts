import { ArrayMaxSize, IsArray, IsIn, IsOptional, IsString, Length, Matches, ValidateIf } from 'class-validator';
import { all, Integer, isSent, Name, noControlCharacters, Untouched } from '../../http/index.js';
import type { SubscriptionDelivery, SubscriptionOrdering, SubscriptionStatus } from './subscription.js';

type JsonObject = Readonly<Record<string, unknown>>;

const maxEventTypes = 100;

/** What the list holds is checked item by item, so that a fault can name the item. */
function EventTypes(): PropertyDecorator {
  return all(IsArray(), ArrayMaxSize(maxEventTypes));
}

/** The members that a new subscription and a change of one share; types and bounds only. `null` stands for the default. */
export abstract class SubscriptionMembers {
  @IsOptional()
  @IsIn(['push', 'poll'])
  delivery?: SubscriptionDelivery | null;

  @IsOptional()
  @IsString()
  url?: string | null;

  @IsOptional()
  @IsString()
  @Length(1, 1024)
  @noControlCharacters
  source?: string | null;

  @Untouched()
  filter?: JsonObject | null;

  @IsOptional()
  @Matches(/^[A-Za-z0-9._-]{3,64}$/, { message: 'must be 3 to 64 characters of A-Z a-z 0-9 . _ -' })
  client_id?: string | null;

  @Untouched()
  headers?: JsonObject | null;

  @Untouched()
  retry?: JsonObject | null;

  @Integer(100, 30_000)
  timeout_ms?: number | null;

  @Integer(1, 100)
  max_in_flight?: number | null;

  @Integer(1, 10_000)
  rate_limit_per_second?: number | null;

  @IsOptional()
  @IsIn(['none', 'subject'])
  ordering?: SubscriptionOrdering | null;

  @Untouched()
  auth?: JsonObject | null;

  @IsOptional()
  @IsIn(['active', 'paused'])
  status?: SubscriptionStatus | null;
}

/** Body of `POST /admin/events/subscriptions`. */
export class CreateSubscriptionBody extends SubscriptionMembers {
  @Name()
  name: string;

  @EventTypes()
  event_types: readonly unknown[];
}

/** Body of `PATCH /admin/events/subscriptions/{id}`: a JSON merge patch (RFC 7396). */
export class UpdateSubscriptionBody extends SubscriptionMembers {
  @ValidateIf(isSent)
  @Name()
  name?: string;

  @ValidateIf(isSent)
  @EventTypes()
  event_types?: readonly unknown[];
}

/** Body of `POST /admin/events/subscriptions/{id}/rotate-secret`. */
export class RotateSecretBody {
  @Integer(0, 2_592_000)
  overlap_seconds?: number | null;
}
