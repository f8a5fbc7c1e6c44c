import type { Command } from 'commander';
import { onServer, type Shell, textOption } from './session.js';
import { recordOf, tableOf } from './table.js';

type Members = Readonly<Record<string, unknown>>;

/** `signet statistics`. */
export function addStatisticsCommand(program: Command, shell: Shell): void {
  program
    .command('statistics')
    .description('what was issued and refused, in the last 24 hours unless told otherwise')
    .option('--from <time>', 'RFC 3339')
    .option('--to <time>', 'RFC 3339')
    .option('--bucket <bucket>', 'hour or day')
    .action(
      onServer(shell, async (session, _, options) => {
        const query = new URLSearchParams();
        for (const name of ['from', 'to', 'bucket']) {
          const value = textOption(options, name);
          if (value !== undefined) query.set(name, value);
        }
        session.answer(await session.api.send('GET', `/admin/oauth/statistics?${query.toString()}`), shown);
      }),
    );
}

function shown(answer: Members): string[] {
  const { clients, tokens, requests, top_clients: top } = answer;
  const { by_error: byError, ...counts } = (requests ?? {}) as Members;
  const sections: [string, readonly string[]][] = [
    ['CLIENTS', recordOf((clients ?? {}) as Members)],
    ['TOKENS', recordOf((tokens ?? {}) as Members)],
    ['REQUESTS', recordOf(counts)],
    ['REFUSED', recordOf((byError ?? {}) as Members)],
    ['MOST TOKENS', issuedTo(top)],
  ];
  return sections.flatMap(([heading, lines]) =>
    lines.length === 0 ? [] : [heading, ...lines.map((line) => `  ${line}`)],
  );
}

function issuedTo(top: unknown): string[] {
  if (!Array.isArray(top) || top.length === 0) return [];
  return tableOf<Members>(
    [
      { heading: 'CLIENT_ID', of: (client) => client['client_id'] },
      { heading: 'ISSUED', of: (client) => client['issued'] },
    ],
    top as Members[],
  );
}
