import { IsBoolean, IsString, ValidateIf } from 'class-validator';

function isSent(_: object, value: unknown): boolean {
  return value !== undefined;
}

/**
 * Body of `POST /admin/events/dead-letters/replay`. A `null` is refused: what was meant to name a subscription shall not replay
 * those of all.
 */
export class ReplayDeadLettersBody {
  @ValidateIf(isSent)
  @IsString()
  subscription_id?: string;

  @ValidateIf(isSent)
  @IsString()
  event_type?: string;

  @ValidateIf(isSent)
  @IsString()
  from?: string;

  @ValidateIf(isSent)
  @IsString()
  to?: string;

  @ValidateIf(isSent)
  @IsBoolean()
  dry_run?: boolean;
}
