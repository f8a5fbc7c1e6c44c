import { createHash } from 'node:crypto';
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
  private readonly secrets = new Map<string, string>();

  /** @param name tells them apart; @param value is given back */
  add(name: string, value: string): string {
    if (value.length < 16) throw new Error(`${name} is too short to be searched for`);
    this.secrets.set(`${name} ${this.secrets.size}`, value);
    return value;
  }

  get count(): number {
    return this.secrets.size;
  }

  /** Every secret in every place: as it is, its last 12 characters, in base64 and hex, and its SHA-256 in hex and base64. */
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

function formsOf(value: string): Record<Form, string[]> {
  const bytes = Buffer.from(value);
  const hash = createHash('sha256').update(value).digest();
  // What follows shifts the last characters of base64.
  const base64 = (buffer: Buffer) => [buffer.toString('base64url'), buffer.toString('base64').replace(/=+$/, '')];
  return {
    itself: [value],
    end: [value.slice(-12)],
    base64: base64(bytes).map((text) => text.slice(0, -2)),
    hex: [bytes.toString('hex')],
    hash: [hash.toString('hex'), ...base64(hash)],
  };
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
      const text = rows.map(({ row }) => row).join('\n');
      places.push({ name, text: `${text}\n${bytesAsText(text)}` });
    }
    return places;
  } finally {
    await client.end();
  }
}

/** A secret may also stand in a byte string as it is. */
function bytesAsText(text: string): string {
  return [...text.matchAll(/\\x([0-9a-f]{24,})/g)]
    .map(([, hex = '']) => Buffer.from(hex, 'hex').toString('latin1'))
    .join('\n');
}
