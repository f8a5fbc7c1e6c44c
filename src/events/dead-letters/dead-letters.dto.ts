import { IsBoolean, IsString, ValidateIf } from 'class-validator';
import { isSent } from '../../http/index.js';

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
