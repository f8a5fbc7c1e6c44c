import { Transform } from 'class-transformer';
import { IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { all } from '../../../http/index.js';

type JsonObject = Readonly<Record<string, unknown>>;

/** `null` empties it. */
function Description(): PropertyDecorator {
  return all(
    IsOptional(),
    IsString(),
    MaxLength(1000),
    Matches(/^\P{Cc}*$/u, { message: 'must not hold control characters' }),
  );
}

/** Taken over as it was sent: class-transformer would drop members that are named like methods of objects. */
function Schema(): PropertyDecorator {
  return all(
    IsOptional(),
    IsObject(),
    Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => obj[key], { toClassOnly: true }),
  );
}

/** Body of `POST /admin/events/types`. */
export class CreateEventTypeBody {
  @IsString()
  type: string;

  @Description()
  description?: string | null;

  @Schema()
  schema?: JsonObject | null;
}

/** Body of `PATCH /admin/events/types/{type}`: a JSON merge patch (RFC 7396). */
export class UpdateEventTypeBody {
  @Description()
  description?: string | null;

  @Schema()
  schema?: JsonObject | null;
}
