import { csvLine } from './csv.js';

describe('a line of CSV', () => {
  it('quotes what RFC 4180 says, and ends with CRLF', () => {
    expect(csvLine(['plain', 'a,b', 'say "hi"', 'two\nlines', '', null])).toBe(
      'plain,"a,b","say ""hi""","two\nlines",,\r\n',
    );
  });

  it.each(['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', '＝1', '＋1', '－1', '＠x'])(
    'keeps a spreadsheet from running %j',
    (text) => {
      expect(csvLine([text])).toBe(`"'${text}"\r\n`);
    },
  );

  it('leaves alone what only holds such a character', () => {
    expect(csvLine(['a=b', "it's", 'user@example.com'])).toBe("a=b,it's,user@example.com\r\n");
  });
});
