import { Injectable, type PipeTransform, type Type } from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';
import { badRequest, type ProblemFault } from '../protocol/index.js';
import { JsonBody } from './request-body.js';

/** What a route says of its JSON body. */
export interface BodyDeclaration {
  readonly type: Type<object>;
  /** Whether a request without a body counts as `{}`. */
  readonly optional: boolean;
}

const declarations = new WeakMap<object, BodyDeclaration>();

/** The body that a pipe of {@link bodyOf} reads; `undefined` for any other pipe. */
export function bodyDeclaration(pipe: object): BodyDeclaration | undefined {
  return declarations.get(pipe);
}

/**
 * The pipe for a JSON body: `@Body(bodyOf(CreateClientBody)) body: CreateClientBody`.
 *
 * A member that the class does not declare is refused by name, and nothing is converted: a number is not a string. Members
 * that were not sent stay absent, so that a merge patch can tell absence from `null` (RFC 7396).
 *
 * @param options `optional`: a request without a body counts as `{}`
 */
export function bodyOf<Body extends object>(
  type: Type<Body>,
  options: { optional?: boolean } = {},
): Type<PipeTransform> {
  // An object of a class without members is a slip to class-validator.
  const hasMembers = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false).length > 0;

  @Injectable()
  class BodyPipe implements PipeTransform {
    async transform(sent: unknown): Promise<Body> {
      const value = sent instanceof JsonBody ? sent.read() : undefined;
      if (value === undefined) {
        if (options.optional !== true) throw badRequest([{ pointer: '', detail: 'a JSON object is required' }]);
        return new type();
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw badRequest([{ pointer: '', detail: 'must be a JSON object' }]);
      }
      const body = plainToInstance(type, value, { exposeDefaultValues: false, exposeUnsetFields: false });
      // class-transformer leaves out members that are named like a method of every object, such as toString.
      const dropped = Object.keys(value).filter((member) => !hasMembers || !Object.hasOwn(body, member));
      if (dropped.length > 0)
        throw badRequest(dropped.map((member) => ({ pointer: `/${escaped(member)}`, detail: unknownMember })));
      if (!hasMembers) return body;
      const errors = await validate(body, { whitelist: true, forbidNonWhitelisted: true, forbidUnknownValues: true });
      if (errors.length > 0) throw badRequest(faultsOf(errors, ''));
      return body;
    }
  }
  declarations.set(BodyPipe, { type, optional: options.optional === true });
  return BodyPipe;
}

const unknownMember = 'is not a member of this request';

/** A member name as a part of a JSON Pointer (RFC 6901 §3). */
function escaped(member: string): string {
  return member.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Turns class-validator's tree into JSON Pointers (RFC 6901), one fault per member. */
function faultsOf(errors: readonly ValidationError[], parent: string): ProblemFault[] {
  return errors.flatMap((error) => {
    const pointer = `${parent}/${escaped(error.property)}`;
    const constraints = Object.entries(error.constraints ?? {});
    const unknown = constraints.find(([name]) => name === 'whitelistValidation');
    const detail = unknown === undefined ? constraints[0]?.[1] : unknownMember;
    const own = detail === undefined ? [] : [{ pointer, detail }];
    return [...own, ...faultsOf(error.children ?? [], pointer)];
  });
}
