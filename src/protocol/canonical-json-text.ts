/**
 * A JSON text in the spelling that every text of the same content has: members sorted by name, no white space, strings with
 * the escapes of `JSON.stringify` (RFC 8785 §3.2.2.2), numbers by their exact value. `1`, `1.0` and `10e-1` are the same
 * number, 12345678901234567890 and 12345678901234567891 are not, although a double holds neither: no number is converted.
 *
 * @param text JSON that `checkStrictJson` has found to be good: anything else gives something, but nothing of use
 */
export function canonicalJsonText(text: string): string {
  return new Canonicalizer(text).value();
}

const quote = 0x22;
const backslash = 0x5c;

const minus = 0x2d;

/** Whether a number or a word ends before this character: a blank, a comma, a closing bracket. */
function endsScalar(code: number): boolean {
  return code === 0x2c || code === 0x5d || code === 0x7d || code <= 0x20;
}

class Canonicalizer {
  private at = 0;

  constructor(private readonly text: string) {}

  value(): string {
    this.skipBlanks();
    switch (this.text.charAt(this.at)) {
      case '{':
        return this.object();
      case '[':
        return this.array();
      case '"':
        return this.string();
      default:
        return this.scalar();
    }
  }

  private object(): string {
    const members: { readonly name: string; readonly value: string }[] = [];
    this.at += 1;
    while (!this.ends('}')) {
      this.skipBlanks();
      const name = this.string();
      this.ends(':');
      members.push({ name, value: this.value() });
      this.ends(',');
    }
    members.sort((one, other) => (one.name < other.name ? -1 : 1));
    return `{${members.map(({ name, value }) => `${name}:${value}`).join(',')}}`;
  }

  private array(): string {
    const items: string[] = [];
    this.at += 1;
    while (!this.ends(']')) {
      items.push(this.value());
      this.ends(',');
    }
    return `[${items.join(',')}]`;
  }

  private string(): string {
    const start = this.at;
    let escaped = false;
    for (this.at += 1; this.at < this.text.length; this.at += 1) {
      const code = this.text.charCodeAt(this.at);
      if (code === quote) break;
      if (code !== backslash) continue;
      escaped = true;
      this.at += 1;
    }
    this.at += 1;
    const raw = this.text.slice(start, this.at);
    return escaped ? JSON.stringify(JSON.parse(raw)) : raw;
  }

  private scalar(): string {
    const start = this.at;
    // Always further: a text that is not good shall not keep anybody for ever.
    do this.at += 1;
    while (this.at < this.text.length && !endsScalar(this.text.charCodeAt(this.at)));
    const word = this.text.slice(start, this.at);
    const first = word.charCodeAt(0);
    return first === minus || (first >= 0x30 && first <= 0x39) ? canonicalNumber(word) : word;
  }

  /** Whether `character` comes next; then it is passed. The end of the text ends everything. */
  private ends(character: string): boolean {
    this.skipBlanks();
    if (this.at >= this.text.length) return true;
    if (this.text.charAt(this.at) !== character) return false;
    this.at += 1;
    return true;
  }

  private skipBlanks(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }
}

const number = /^(-?)0*([0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** Integers of so few digits are written as such; a double holds each of them. */
const fewDigits = 15;

const shortInteger = new RegExp(`^-?[0-9]{1,${fewDigits}}$`);

/** Exponents of more digits than anybody means are not calculated with. */
const maxExponentLength = 100;

/**
 * An integer of few digits, else sign, digits without zeros at either end, and the power of ten of the last one. Zero, of either
 * sign, is `0`.
 */
function canonicalNumber(lexeme: string): string {
  if (shortInteger.test(lexeme)) return lexeme === '-0' ? '0' : lexeme;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = number.exec(lexeme) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  let end = digits.length;
  while (end > 0 && digits.charCodeAt(end - 1) === 0x30) end -= 1;
  if (end === 0) return '0';
  const significant = `${sign}${digits.slice(0, end)}`;
  const moved = digits.length - end - fraction.length;
  if (exponent.length > maxExponentLength) return `${significant}e${exponent}+${moved}`;
  const power = BigInt(exponent) + BigInt(moved);
  if (power >= 0n && power + BigInt(end) <= BigInt(fewDigits)) return `${significant}${'0'.repeat(Number(power))}`;
  return `${significant}e${power}`;
}
