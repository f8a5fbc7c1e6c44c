import { isNotModified } from './entity-tag.js';

const tag = '"r2tS"';

describe('If-None-Match (RFC 9110 §13.1.2)', () => {
  it.each([tag, `W/${tag}`, `"a", ${tag}`, `"a",W/${tag} , "b"`, `"a,b", ${tag}`, '*', ' * '])(
    '%s matches',
    (header) => {
      expect(isNotModified(header, tag)).toBe(true);
    },
  );

  it.each([undefined, '', 'r2tS', '"R2TS"', '"r2tS', '"xr2tS"', '"r2tSx"', '"*"', '**', 'W/"a"', '", ",'])(
    '%s does not',
    (header) => {
      expect(isNotModified(header, tag)).toBe(false);
    },
  );
});
