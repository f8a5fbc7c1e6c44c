import { isFormMediaType, parseForm, singleParameter } from './form.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string): [string, readonly string[]][] => [...parseForm(bytes(text))];
const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (one) => one.charCodeAt(0));

const INVALID = expect.objectContaining({ code: 'invalid_request', status: 400 }) as Error;

describe('RFC 6749 Appendix B form parsing', () => {
  it.each<[string, [string, string[]][]]>([
    ['', []],
    ['&&&', []],
    ['a=1', [['a', ['1']]]],
    [
      'a=1&b=2',
      [
        ['a', ['1']],
        ['b', ['2']],
      ],
    ],
    ['a=1&a=2&a=1', [['a', ['1', '2', '1']]]],
    ['a', [['a', ['']]]],
    [
      'a&b=1',
      [
        ['a', ['']],
        ['b', ['1']],
      ],
    ],
    ['a=', [['a', ['']]]],
    ['=1', [['', ['1']]]],
    ['=', [['', ['']]]],
    ['a=b=c', [['a', ['b=c']]]],
    ['a=1&', [['a', ['1']]]],
    ['scope=read%3Aprofile+read%3afeatures', [['scope', ['read:profile read:features']]]],
    ['a%26b=c%3Dd', [['a&b', ['c=d']]]],
    ['a=%2B+%20', [['a', ['+  ']]]],
    ['n%C3%A9=%E2%82%AC', [['né', ['€']]]],
    ['a=é', [['a', ['é']]]],
    ['a=%00', [['a', ['\0']]]],
    ['\uFEFFa=1', [['\uFEFFa', ['1']]]],
  ])('reads %j', (text, expected) => {
    expect(parse(text)).toEqual(expected);
  });

  it.each(['%', 'a=%', 'a=%4', 'a=%zz', 'a=%-1', '%=1', 'a=1&b=%G0', 'a=%u0041', '%4=1'])(
    'D9: refuses the broken escape in %j',
    (text) => {
      expect(() => parse(text)).toThrow(INVALID);
    },
  );

  it.each(['%C0%80', '%E0%80%80', '%F0%80%80%80', '%ED%A0%80', '%F4%90%80%80', '%80', '%C3', '%C3%28', '%FF'])(
    'T-13, D9: refuses %s, which is no UTF-8; in a scope it is a character that no scope holds',
    (value) => {
      expect(() => parse(`resource=${value}`)).toThrow(INVALID);
      expect(() => parse(`${value}=read`)).toThrow(INVALID);
      expect(parse(`scope=read:a${value}`)).toEqual([['scope', ['\ufffd']]]);
    },
  );

  it.each(['a=\xC0\x80', 'a=\x80', 'a=\xC3', '\xFF=1', 'a=\xED\xA0\x80', 'a=\xC3&%A9=1'])(
    'T-13, D9: refuses raw bytes that are no UTF-8',
    (text) => {
      expect(() => parseForm(latin1(text))).toThrow(INVALID);
    },
  );

  it('T-07: takes __proto__ and constructor as plain names and pollutes nothing', () => {
    const form = parseForm(bytes('__proto__[scope]=admin:full&__proto__=x&constructor.prototype.client_id=ADM'));
    expect([...form.keys()]).toEqual(['__proto__[scope]', '__proto__', 'constructor.prototype.client_id']);
    expect(singleParameter(form, 'scope')).toBeUndefined();
    expect(singleParameter(form, 'constructor')).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'scope')).toBe(false);
  });

  it('D9: takes 100 parameters and refuses 101, repeated or not', () => {
    const pairs = Array.from({ length: 100 }, (_, index) => `p${index}=x`);
    expect(parse(pairs.join('&'))).toHaveLength(100);
    expect(() => parse([...pairs, 'p0=x'].join('&'))).toThrow(INVALID);
    expect(() => parse('a=1&'.repeat(101))).toThrow(INVALID);
  });

  it('L-07: takes 64 KiB of anything without growing superlinearly', () => {
    expect(parse('&'.repeat(65_536))).toEqual([]);
    expect(parse('='.repeat(65_536))[0]?.[1][0]).toHaveLength(65_535);
    expect(parse(`a=${'+'.repeat(65_534)}`)[0]?.[1][0]).toHaveLength(65_534);
    expect(() => parse('a&'.repeat(32_768))).toThrow(INVALID);
  });
});

describe('T-03 form media type', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'Application/X-WWW-Form-Urlencoded',
    'application/x-www-form-urlencoded\t',
    '  application/x-www-form-urlencoded ; charset=UTF-8',
    'application/x-www-form-urlencoded;',
    'application/x-www-form-urlencoded;charset="utf-8"',
    'application/x-www-form-urlencoded; foo=bar',
  ])('takes %j', (contentType) => {
    expect(isFormMediaType(contentType)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/json',
    'application/x-www-form-urlencoded2',
    'x application/x-www-form-urlencoded',
    'application/x-www-form-urlencoded, text/plain',
    'application/x-www-form-urlencoded; charset=utf-16',
    'application/x-www-form-urlencoded; charset=',
    'application/x-www-form-urlencoded; charset=utf-8; charset=utf-16',
    'application/x-www-form-urlencoded; garbage',
    'text/plain; application/x-www-form-urlencoded',
  ])('refuses %j', (contentType) => {
    expect(isFormMediaType(contentType)).toBe(false);
  });
});

describe('RFC 6749 §3.2 single parameters', () => {
  it.each([
    ['scope=a', 'a'],
    ['scope=', undefined],
    ['scope', undefined],
    ['other=a', undefined],
  ])('%j is %j', (text, expected) => {
    expect(singleParameter(parseForm(bytes(text)), 'scope')).toBe(expected);
  });

  it.each(['scope=a&scope=a', 'scope=a&scope=b', 'scope=&scope=a', 'scope&scope'])('T-05: refuses %j', (text) => {
    expect(() => singleParameter(parseForm(bytes(text)), 'scope')).toThrow('the parameter scope must not be repeated');
  });
});
