import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';

/** A place where something may have been left, as text. */
export interface SearchedPlace {
  readonly name: string;
  readonly text: string;
}

type Form = 'itself' | 'end' | 'base64' | 'hex' | 'hash';

/** Where a secret was found; never the secret. */
export interface Find {
  readonly secret: string;
  readonly place: string;
  readonly form: Form;
}

/** Every secret that a test has used, and the search for it. */
export class Canaries {
  private readonly secrets = new Map<string, string | Buffer>();

  /** @param name tells them apart; @param value is given back */
  add<Value extends string | Buffer>(name: string, value: Value): Value {
    if (value.length < 16) throw new Error(`${name} is too short to be searched for`);
    this.secrets.set(`${name} ${this.secrets.size}`, value);
    return value;
  }

  /** The names under which secrets were added. */
  get kinds(): ReadonlySet<string> {
    return new Set([...this.secrets.keys()].map((name) => name.replace(/ \d+$/, '')));
  }

  get count(): number {
    return this.secrets.size;
  }

  /**
   * Every secret in every place: as it is, its last 12 characters, in base64 (also within something longer) and hex, and its
   * SHA-256 in hex and base64.
   */
  search(places: readonly SearchedPlace[]): Find[] {
    const found: Find[] = [];
    for (const [secret, value] of this.secrets) {
      for (const [form, texts] of Object.entries(formsOf(value)) as [Form, string[]][]) {
        for (const { name, text } of places) {
          if (texts.some((one) => text.includes(one))) found.push({ secret, place: name, form });
        }
      }
    }
    return found;
  }
}

function formsOf(value: string | Buffer): Record<Form, string[]> {
  const bytes = Buffer.from(value);
  const hash = createHash('sha256').update(value).digest();
  return {
    itself: typeof value === 'string' ? [value] : [],
    end: typeof value === 'string' ? [value.slice(-12)] : [],
    base64: [0, 1, 2].flatMap((offset) => base64Within(bytes, offset)),
    hex: [bytes.toString('hex')],
    hash: [hash.toString('hex'), hash.toString('base64url'), hash.toString('base64').replace(/=+$/, '')],
  };
}

/** What base64 has of `bytes` that stand `offset` bytes behind a multiple of three, whatever is before and after. */
function base64Within(bytes: Buffer, offset: number): string[] {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const begin = Math.ceil((offset * 8) / 6);
  return [padded.toString('base64url'), padded.toString('base64').replace(/=+$/, '')].map((text) =>
    text.slice(begin, -2),
  );
}

/** Every table of a database: its rows as PostgreSQL writes them, byte strings in hex and as text. */
export async function databaseContent(url: string): Promise<SearchedPlace[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%'`,
    );
    const places: SearchedPlace[] = [];
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      places.push(withBytes(name, rows.map(({ row }) => row).join('\n')));
    }
    return places;
  } finally {
    await client.end();
  }
}

/** What `pg_dump` wrote in plain SQL: the rows of each table, and all that is around them. */
export function dumpContent(dump: string): SearchedPlace[] {
  const places: SearchedPlace[] = [];
  const around = dump.replaceAll(/^COPY (\S+) [^\n]*\n(.*?)^\\\.$/gms, (_, name: string, rows: string) => {
    places.push(withBytes(`pg_dump: ${name}`, rows));
    return '';
  });
  return [...places, withBytes('pg_dump', around)];
}

/** Every file below a directory. */
export function directoryContent(directory: string): SearchedPlace[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => ({ name: `file ${name}`, text: readFileSync(join(parentPath, name), 'latin1') }));
}

/** Byte strings of PostgreSQL in hex, and as text too: a secret may stand there as it is. */
export function withBytes(name: string, text: string): SearchedPlace {
  const bytes = [...text.matchAll(/\\x([0-9a-f]{24,})/g)].map(([, hex = '']) =>
    Buffer.from(hex, 'hex').toString('latin1'),
  );
  return { name, text: `${text}\n${bytes.join('\n')}` };
}
