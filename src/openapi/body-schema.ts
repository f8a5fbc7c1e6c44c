import { getMetadataStorage } from 'class-validator';
import { nullable, type Schema } from './schema.js';

type Rule = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>[number];
type Class = abstract new () => object;

/** What a check of class-validator says in JSON Schema. */
const keywords: Readonly<Record<string, (constraints: readonly unknown[]) => Schema>> = {
  isString: () => ({ type: 'string' }),
  isBoolean: () => ({ type: 'boolean' }),
  isInt: () => ({ type: 'integer' }),
  isArray: () => ({ type: 'array' }),
  isObject: () => ({ type: 'object' }),
  isIn: ([values]) => ({ type: 'string', enum: values }),
  min: ([minimum]) => ({ minimum }),
  max: ([maximum]) => ({ maximum }),
  isLength: ([minLength, maxLength]) => ({ minLength, maxLength }),
  maxLength: ([maxLength]) => ({ maxLength }),
  arrayMaxSize: ([maxItems]) => ({ maxItems }),
  matches: ([pattern]) => ({ type: 'string', pattern: portable(pattern as RegExp) }),
};

/**
 * The schema of a JSON body, from the checks that it must stand; unknown members are refused.
 *
 * @param described what else is to be said of each member
 * @throws Error for a check that has no words here, and for a description of what is no member
 */
export function bodySchema(type: Class, described: Readonly<Record<string, Schema>>): Schema {
  const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
  const byMember = new Map<string, Rule[]>();
  for (const rule of rules) byMember.set(rule.propertyName, [...(byMember.get(rule.propertyName) ?? []), rule]);
  const unknown = Object.keys(described).filter((name) => !byMember.has(name));
  if (unknown.length > 0) throw new Error(`${type.name} has no member ${unknown.join(', ')}`);
  const members = [...byMember].map(([name, checks]) => ({ name, ...memberOf(name, checks, described[name]) }));
  return {
    type: 'object',
    required: members.filter(({ required }) => required).map(({ name }) => name),
    properties: Object.fromEntries(members.map(({ name, schema }) => [name, schema])),
    additionalProperties: false,
  };
}

interface Member {
  readonly schema: Schema;
  readonly required: boolean;
}

/** What is checked wins over what is described. */
function memberOf(name: string, rules: readonly Rule[], described: Schema = {}): Member {
  const conditions = rules.filter(({ type }) => type === 'conditionalValidation');
  const skipped = (value: unknown) => conditions.some((condition) => !applies(condition, name, value));
  let checked: Schema = {};
  for (const rule of rules.filter((each) => !conditions.includes(each))) checked = joined(checked, keywordsOf(rule));
  const schema = { ...described, ...checked };
  return { schema: skipped(null) ? nullable(schema) : schema, required: !skipped(undefined) };
}

/** Whether the other checks of the member are made for this value of it. */
function applies({ constraints }: Rule, name: string, value: unknown): boolean {
  const [condition] = constraints as [(body: object, value: unknown) => boolean];
  return condition({ [name]: value }, value);
}

function keywordsOf(rule: Rule): Schema {
  const say = keywords[rule.name ?? rule.type];
  if (say === undefined || rule.each) throw new Error(`no words for the check ${rule.name ?? rule.type}`);
  return say(rule.constraints as readonly unknown[]);
}

/** A second pattern of the same member stands beside the first. */
function joined(schema: Schema, added: Schema): Schema {
  const { pattern, ...rest } = added;
  if (pattern === undefined || schema['pattern'] === undefined) return { ...schema, ...added };
  const others = (schema['allOf'] ?? []) as readonly Schema[];
  return { ...schema, ...rest, allOf: [...others, { pattern }] };
}

/** The pattern without what only some readers of JSON Schema know: the category of control characters is spelled out. */
function portable({ source }: RegExp): string {
  return source.replaceAll(String.raw`\P{Cc}`, String.raw`[^\u0000-\u001f\u007f-\u009f]`);
}
