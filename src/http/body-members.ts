import { Transform } from 'class-transformer';
import { IsInt, IsObject, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';

/** Several decorators of a member as one. */
export function all(...decorators: readonly PropertyDecorator[]): PropertyDecorator {
  return (target, key) => {
    for (const decorate of decorators) decorate(target, key);
  };
}

/** A text of one line. */
export const noControlCharacters = Matches(/^\P{Cc}*$/u, { message: 'must not hold control characters' });

/** A required name for people, or in a patch one that may be absent but not removed. */
export function Name(): PropertyDecorator {
  return all(IsString(), Length(1, 200), noControlCharacters, Matches(/\S/, { message: 'must not be blank' }));
}

/** A whole number from `min` to `max`; `null` stands for the default. */
export function Integer(min: number, max: number): PropertyDecorator {
  return all(IsOptional(), IsInt(), Min(min), Max(max));
}

/** An object taken over as it was sent: class-transformer would drop members that are named like methods of objects. */
export function Untouched(): PropertyDecorator {
  return all(
    IsOptional(),
    IsObject(),
    Transform(({ obj, key }: { obj: Record<string, unknown>; key: string }) => obj[key], { toClassOnly: true }),
  );
}

/** For `@ValidateIf`: a member may be absent, but where it is there, `null` is no way to say so. */
export function isSent(_: object, value: unknown): boolean {
  return value !== undefined;
}

/** The body of a request that says nothing beyond its URL: none, or an object without members. */
export class NoMembersBody {}
