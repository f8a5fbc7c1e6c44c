import { Client } from 'pg';

import { createDatabase, createTestDatabase, databaseUrl, dropDatabase, withDatabase } from './postgres.js';

describe('the PostgreSQL of the tests', () => {
  it('copies a template into a database of its own, and drops it', async () => {
    const template = `template_${process.pid}`;
    await createDatabase(template);
    await query(databaseUrl(template), 'CREATE TABLE thing AS SELECT 1 AS id');

    const [first, second] = await Promise.all([createTestDatabase(template), createTestDatabase(template)]);
    await query(first.url, 'INSERT INTO thing VALUES (2)');

    expect(await query(first.url, 'SELECT id FROM thing ORDER BY id')).toEqual([{ id: 1 }, { id: 2 }]);
    expect(await query(second.url, 'SELECT id FROM thing')).toEqual([{ id: 1 }]);
    await Promise.all([first.drop(), second.drop()]);
    await dropDatabase(template);
    await expect(query(first.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
  });
});

describe('withDatabase', () => {
  it.each([
    ['postgresql://postgres@/signet?host=%2Ftmp%2Fx', 'postgresql://postgres@/other?host=%2Ftmp%2Fx'],
    ['postgres://user:word@host:5432/signet', 'postgres://user:word@host:5432/other'],
    ['postgres://host', 'postgres://host/other'],
    ['postgres://host?sslmode=require', 'postgres://host/other?sslmode=require'],
  ])('%s', (url, expected) => {
    expect(withDatabase(url, 'other')).toBe(expected);
  });
});

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}
