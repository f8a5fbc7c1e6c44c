import type { DataSource, QueryRunner } from 'typeorm';

/**
 * The statements that would make the database what the entities of `dataSource` say.
 *
 * TypeORM's schema builder sends many queries at once on one connection, which `pg` takes with a warning and will not for long:
 * here they go one after the other.
 */
export async function missingFromSchema(dataSource: DataSource): Promise<string[]> {
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => oneByOne(createQueryRunner(mode));
  try {
    const { upQueries } = await dataSource.driver.createSchemaBuilder().log();
    return upQueries.map(({ query }) => query);
  } finally {
    dataSource.createQueryRunner = createQueryRunner;
  }
}

function oneByOne(runner: QueryRunner): QueryRunner {
  const query = runner.query.bind(runner) as (text: string, parameters?: unknown[]) => Promise<unknown>;
  let last: Promise<unknown> = Promise.resolve();
  const queued = (text: string, parameters?: unknown[]): Promise<unknown> => {
    const answer = last.then(() => query(text, parameters));
    last = answer.catch(() => undefined);
    return answer;
  };
  runner.query = queued as QueryRunner['query'];
  return runner;
}
