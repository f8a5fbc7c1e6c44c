import { JsonFault } from './json-fault.js';
import { jsonPointer } from './json-pointer.js';

const MAX_DEPTH = 32;
const MAX_VALUES = 10_000;
const MAX_POINTER_LENGTH = 256;
const FORBIDDEN_NAMES: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
/** With the `u` flag a pair is one character, so only half a pair is found. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** What a scan takes and tells beside its faults. */
export interface ScanOptions {
  /** Most values in the text, 10,000 unless given. */
  readonly maxValues?: number;
  /** Most levels of nesting, 32 unless given. */
  readonly maxDepth?: number;
  /** Is told of each value down to `depth` (0: the whole text): its JSON Pointer, and where in the text it stands. */
  readonly values?: {
    readonly depth: number;
    readonly found: (pointer: string, start: number, end: number) => void;
  };
}

/** One pass over a JSON text (RFC 8259) that checks it and builds nothing; linear in its length. */
export class JsonScanner {
  private at = 0;
  private values = 0;
  /** The member names and indices that lead to where we are; its length is the depth. */
  private readonly path: (string | number)[] = [];

  constructor(
    private readonly text: string,
    private readonly options: ScanOptions = {},
  ) {}

  /** @throws JsonFault at the first fault */
  check(): void {
    this.readValue();
    this.skipBlanks();
    if (this.at < this.text.length) throw this.malformed();
  }

  private readValue(): void {
    const { maxValues = MAX_VALUES, values } = this.options;
    if (++this.values > maxValues) throw this.fault(`the body must not have more than ${maxValues} values`);
    this.skipBlanks();
    const start = this.at;
    this.readToken();
    if (values !== undefined && this.path.length <= values.depth) {
      values.found(jsonPointer(this.path), start, this.at);
    }
  }

  private readToken(): void {
    switch (this.text.charAt(this.at)) {
      case '{':
        return this.readObject();
      case '[':
        return this.readArray();
      case '"':
        this.readString();
        return;
      case 't':
        return this.readWord('true');
      case 'f':
        return this.readWord('false');
      case 'n':
        return this.readWord('null');
      default:
        return this.readNumber();
    }
  }

  private readObject(): void {
    this.enter();
    if (this.take('}')) return;
    const names = new Set<string>();
    do {
      this.skipBlanks();
      if (this.text.charAt(this.at) !== '"') throw this.malformed();
      const name = this.readString();
      this.path.push(name);
      if (FORBIDDEN_NAMES.has(name)) throw this.fault('a member must not have this name');
      if (names.has(name)) throw this.fault('the member is given twice');
      names.add(name);
      if (!this.take(':')) throw this.malformed();
      this.readValue();
      this.path.pop();
    } while (this.take(','));
    if (!this.take('}')) throw this.malformed();
  }

  private readArray(): void {
    this.enter();
    if (this.take(']')) return;
    let index = 0;
    do {
      this.path.push(index++);
      this.readValue();
      this.path.pop();
    } while (this.take(','));
    if (!this.take(']')) throw this.malformed();
  }

  private enter(): void {
    const { maxDepth = MAX_DEPTH } = this.options;
    if (this.path.length >= maxDepth) throw this.fault(`the body must not be nested deeper than ${maxDepth} levels`);
    this.at++;
  }

  /** Reads a string and answers what it says, escapes decoded, so that names compare by meaning, not by spelling. */
  private readString(): string {
    const start = this.at++;
    let escaped = false;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code === 0x22) break;
      if (code === 0x5c) {
        escaped = true;
        ESCAPE.lastIndex = this.at;
        if (!ESCAPE.test(this.text)) throw this.malformed();
        this.at = ESCAPE.lastIndex;
      } else if (code >= 0x20) this.at++;
      else throw this.malformed();
    }
    const raw = this.text.slice(start, ++this.at);
    if (!escaped) return raw.slice(1, -1);
    const clear: unknown = JSON.parse(raw);
    if (typeof clear !== 'string') throw this.malformed();
    if (clear.includes('\0')) throw this.fault('a string must not hold NUL');
    if (LONE_SURROGATE.test(clear)) throw this.fault('a string must not hold half of a surrogate pair');
    return clear;
  }

  private readWord(word: string): void {
    if (!this.text.startsWith(word, this.at)) throw this.malformed();
    this.at += word.length;
  }

  private readNumber(): void {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) throw this.malformed();
    if (!Number.isFinite(Number(match[0]))) throw this.fault('the number is out of range');
    this.at = NUMBER.lastIndex;
  }

  private take(character: string): boolean {
    this.skipBlanks();
    if (this.text.charAt(this.at) !== character) return false;
    this.at++;
    return true;
  }

  private skipBlanks(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at++;
    }
  }

  private malformed(): JsonFault {
    return this.fault('the body is not valid JSON');
  }

  private fault(detail: string): JsonFault {
    return new JsonFault(jsonPointer(this.path).slice(0, MAX_POINTER_LENGTH), detail);
  }
}
