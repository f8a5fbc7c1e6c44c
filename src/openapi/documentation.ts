import { SetMetadata } from '@nestjs/common';
import { listLimits } from '../http/index.js';
import type { Problem } from '../protocol/index.js';
import { count, list, named, nullable, object, type Schema, text } from './schema.js';

/** A header of an answer, or of a request. */
export type Headers = Readonly<Record<string, Schema>>;

/** One answer to an operation. */
export interface AnswerDocumentation {
  readonly description: string;
  /** Of a JSON body; with neither this nor `content` the answer has no body. */
  readonly schema?: Schema;
  /** Of a body by media type, where it is not JSON. */
  readonly content?: Readonly<Record<string, Schema>>;
  readonly headers?: Headers;
}

/** What a JSON body means, beyond what the class of the body says of its members. */
export interface BodyDocumentation {
  /** Joined with what class-validator checks of each member. */
  readonly members: Readonly<Record<string, Schema>>;
  readonly example: Readonly<Record<string, unknown>>;
}

/** What the code of a route does not say by itself. Who may call it and what else may go wrong is added by rule. */
export interface Documentation {
  /** `operationId`, unique. */
  readonly id: string;
  /** One of the `tags` of the document. */
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly pathParameters?: Readonly<Record<string, Schema>>;
  readonly query?: Readonly<Record<string, Schema>>;
  readonly requestHeaders?: Headers;
  readonly body?: BodyDocumentation;
  /** The body where it is read otherwise than by `bodyOf`: its schema, with an example, by media type. */
  readonly requestContent?: Readonly<Record<string, Schema>>;
  /** The form of an endpoint under `/oauth/`, at which a client authenticates. */
  readonly form?: Schema;
  /** By status; errors only where they are none of the usual. */
  readonly answers: Readonly<Record<number, AnswerDocumentation>>;
  /** What the use case throws: what there is not, what is in the way. */
  readonly problems?: readonly Problem[];
  /** Whether the answer can be 503 although the route is public. */
  readonly unavailable?: boolean;
}

const documentationMetadata = 'signet:documentation';

/** Documents a route in `/openapi.json`. Costs nothing until somebody asks for that. */
export const Documented = (documentation: Documentation) => SetMetadata(documentationMetadata, documentation);

/** What {@link Documented} says of a handler. */
export function documentationOf(handler: object): Documentation | undefined {
  return Reflect.getMetadata(documentationMetadata, handler) as Documentation | undefined;
}

/** The query of every list. */
export const pageQuery: Readonly<Record<string, Schema>> = {
  limit: count('How many items to answer with at most.', 20, {
    minimum: 1,
    maximum: listLimits.max,
    default: listLimits.default,
  }),
  cursor: text('`next_cursor` of the page before, with the same filter.', 'eyJhdCI6IjIwMjYtMDMtMDFUMDk6MzA6MDBaIn0'),
};

/** One page of a list of `items`, which are a component of this name. */
export function pageOfItems(name: string, items: Schema): Schema {
  return named(
    `${name}Page`,
    object({
      items: list('Newest first.', items),
      next_cursor: nullable(text('Where the next page begins; `null`: there is none.', 'AbC'), null),
    }),
  );
}
