import { IsEmail, IsIn, IsInt, IsOptional, IsString, Length, Matches, Max, Min, ValidateIf } from 'class-validator';
import { bodySchema } from './body-schema.js';

class Base {
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(9)
  size?: number | null;
}

class Body extends Base {
  @IsString()
  @Length(1, 20)
  @Matches(/^\P{Cc}*$/u)
  @Matches(/\S/)
  name: string;

  @ValidateIf((_: object, value: unknown) => value !== undefined)
  @IsIn(['on', 'off'])
  status?: string;

  @ValidateIf(({ note }: Body) => note !== undefined && note !== null)
  @IsString()
  note?: string | null;
}

describe('the schema of a body', () => {
  it('says what class-validator checks, of inherited members too', () => {
    const { required, properties, additionalProperties } = bodySchema(Body, {});
    expect(required).toEqual(['name']);
    expect(additionalProperties).toBe(false);
    expect(properties).toMatchObject({
      size: { type: ['integer', 'null'], minimum: 1, maximum: 9 },
      name: { type: 'string', minLength: 1, maxLength: 20 },
      status: { type: 'string', enum: ['on', 'off'] },
      note: { type: ['string', 'null'] },
    });
  });

  it('keeps every pattern, in words that any reader knows', () => {
    const { name } = bodySchema(Body, {})['properties'] as Record<
      string,
      { pattern: string; allOf: { pattern: string }[] }
    >;
    const patterns = [name?.pattern ?? '', ...(name?.allOf ?? []).map(({ pattern }) => pattern)];
    const portable = String.raw`^[^\u0000-\u001f\u007f-\u009f]*$`;
    expect(new Set(patterns)).toEqual(new Set([String.raw`\S`, portable]));
    const units = Array.from({ length: 0x1_0000 }, (_, unit) => String.fromCharCode(unit));
    expect(units.filter((text) => new RegExp(portable).test(text))).toEqual(
      units.filter((text) => /^\P{Cc}*$/u.test(text)),
    );
  });

  it('adds what is described, and lets what is checked win', () => {
    const { properties } = bodySchema(Body, { size: { type: 'string', maximum: 99, description: 'How big.' } });
    expect(properties).toMatchObject({ size: { type: ['integer', 'null'], maximum: 9, description: 'How big.' } });
  });

  it('refuses what it has no words for, and descriptions of nothing', () => {
    class Unknown {
      @IsEmail()
      mail: string;
    }
    expect(() => bodySchema(Unknown, {})).toThrow('no words for the check isEmail');
    expect(() => bodySchema(Body, { colour: {} })).toThrow('Body has no member colour');
  });
});
