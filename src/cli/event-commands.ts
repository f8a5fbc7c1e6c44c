import type { Command } from 'commander';
import type { Page } from './admin-api.js';
import { readMembers } from './declaration.js';
import { usageFault } from './failure.js';
import { PrivateFile } from './secret-file.js';
import { listCommand, onServer, type Options, segment, type Session, type Shell, textOption } from './session.js';
import { type Column, tableOf } from './table.js';

type Members = Readonly<Record<string, unknown>>;
type Row = Page['items'][number];

const root = '/admin/events';
const subscriptions = `${root}/subscriptions`;
const deadLetters = `${root}/dead-letters`;

/** Columns whose headings are the names of their members. */
const columnsOf = (...members: readonly string[]): Column<Row>[] =>
  members.map((member) => ({ heading: member.toUpperCase(), of: (row) => row[member] }));

/** `signet events`. */
export function addEventCommands(program: Command, shell: Shell): void {
  const events = program.command('events').description('who is told of what, and what came of it');
  const kind = events.command('subscriptions').description('who is told');
  addSubscriptionReads(kind, shell);
  addSubscriptionWrites(kind, shell);
  addSecretCommands(kind, shell);
  addDeliveryCommands(events, shell);
  addDeadLetterCommands(events.command('dead-letters').description('deliveries that were given up'), shell);
}

function addSubscriptionReads(kind: Command, shell: Shell): void {
  listCommand(kind, 'subscriptions').action(
    onServer(shell, (session, _, options) =>
      session.list(subscriptions, {}, options, columnsOf('id', 'name', 'status', 'event_types', 'url')),
    ),
  );
  kind
    .command('get <id>')
    .description('show a subscription')
    .action(onServer(shell, async (session, [id]) => session.answer(await session.api.send('GET', one(id)))));
}

function addSubscriptionWrites(kind: Command, shell: Shell): void {
  kind
    .command('create')
    .description('make a subscription; its signing secret is shown this once')
    .requiredOption('--file <file>', 'YAML or JSON with the members of the API; - reads the standard input')
    .option('--secret-file <file>', 'write id and signing secret there (0600) instead of showing the secret')
    .action(
      onServer(shell, async (session, _, options) => {
        const members = readMembers(String(options['file']));
        await withSecret(session, options, () => session.api.send('POST', subscriptions, members));
      }),
    );
  kind
    .command('update <id>')
    .description('change the members that the file names')
    .requiredOption('--file <file>', 'YAML or JSON with a merge patch; - reads the standard input')
    .action(
      onServer(shell, async (session, [id], options) => {
        const members = readMembers(String(options['file']));
        session.answer(await session.api.send('PATCH', one(id), members));
      }),
    );
  for (const [verb, status, effect] of [
    ['pause', 'paused', 'hold what is to be delivered'],
    ['resume', 'active', 'deliver again, what was held included'],
  ] as const) {
    kind
      .command(`${verb} <id>`)
      .description(effect)
      .action(
        onServer(shell, async (session, [id]) => {
          session.answer(await session.api.send('PATCH', one(id), { status }), () => [`${id} is ${status}`]);
        }),
      );
  }
  kind
    .command('delete <id>')
    .description('delete a subscription; what is not delivered yet is not delivered any more')
    .action(
      onServer(shell, async (session, [id]) => {
        await session.api.send('DELETE', one(id));
        session.done(`${id} is deleted`);
      }),
    );
}

function addSecretCommands(kind: Command, shell: Shell): void {
  kind
    .command('rotate-secret <id>')
    .description('sign with a new secret')
    .option('--overlap <seconds>', 'how long the old one signs too (default: 0)')
    .option('--secret-file <file>', 'write id and signing secret there (0600) instead of showing the secret')
    .action(
      onServer(shell, async (session, [id], options) => {
        const overlap = textOption(options, 'overlap') ?? '0';
        if (!/^\d{1,7}$/.test(overlap)) throw usageFault('--overlap: must be a number of seconds');
        const body = { overlap_seconds: Number(overlap) };
        await withSecret(session, options, () => session.api.send('POST', `${one(id)}/rotate-secret`, body));
      }),
    );
  kind
    .command('test <id>')
    .description('send a test event to it')
    .action(
      onServer(shell, async (session, [id]) => {
        session.answer((await session.api.send('POST', `${one(id)}/test`, {})) ?? {}, () => [
          'a test event is on its way',
        ]);
      }),
    );
}

function addDeliveryCommands(events: Command, shell: Shell): void {
  const kind = events.command('deliveries').description('events on their way, and there');
  listCommand(kind, 'deliveries')
    .option('--subscription <id>', 'to one subscription')
    .option('--event <event_id>', 'of one event')
    .option('--status <status>', 'pending, retrying, held, succeeded or dead')
    .action(
      onServer(shell, (session, _, options) =>
        session.list(
          `${root}/deliveries`,
          {
            subscription_id: textOption(options, 'subscription'),
            event_id: textOption(options, 'event'),
            status: textOption(options, 'status'),
          },
          options,
          columnsOf('id', 'event_type', 'status', 'attempt_count', 'next_attempt_at', 'subscription_id'),
        ),
      ),
    );
  kind
    .command('get <id>')
    .description('show a delivery and its attempts')
    .action(
      onServer(shell, async (session, [id]) => {
        session.answer(await session.api.send('GET', `${root}/deliveries/${segment(id)}`));
      }),
    );
  events
    .command('metrics')
    .description('how the subscriptions are doing')
    .action(
      onServer(shell, async (session) => {
        const columns = columnsOf('subscription_id', 'pending', 'held', 'succeeded', 'dead', 'oldest_pending_seconds');
        session.answer(await session.api.send('GET', `${root}/metrics`), ({ items }) =>
          Array.isArray(items) && items.length > 0 ? tableOf(columns, items as Row[]) : ['none'],
        );
      }),
    );
}

function addDeadLetterCommands(kind: Command, shell: Shell): void {
  listCommand(kind, 'dead letters')
    .option('--subscription <id>', 'of one subscription')
    .option('--type <event_type>', 'of one type')
    .action(
      onServer(shell, (session, _, options) =>
        session.list(
          deadLetters,
          { subscription_id: textOption(options, 'subscription'), event_type: textOption(options, 'type') },
          options,
          columnsOf('id', 'event_type', 'reason', 'attempt_count', 'dead_at', 'subscription_id'),
        ),
      ),
    );
  kind
    .command('replay [id]')
    .description('deliver again: one dead letter, or all that the options name')
    .option('--subscription <id>', 'those of one subscription')
    .option('--type <event_type>', 'those of one type')
    .option('--from <time>', 'those that died since (RFC 3339)')
    .option('--to <time>', 'those that died before (RFC 3339)')
    .option('--all', 'all of them')
    .option('--dry-run', 'only count them')
    .action(onServer(shell, (session, [id], options) => replay(session, id, options)));
  kind
    .command('delete <id>')
    .description('forget a dead letter')
    .action(
      onServer(shell, async (session, [id]) => {
        await session.api.send('DELETE', `${deadLetters}/${segment(id)}`);
        session.done(`${id} is deleted`);
      }),
    );
}

async function replay(session: Session, id: string | undefined, options: Options): Promise<void> {
  if (id !== undefined) {
    const answer = await session.api.send('POST', `${deadLetters}/${segment(id)}/replay`, {});
    session.answer(answer ?? {}, () => [`${id} is delivered again`]);
    return;
  }
  const named = { subscription_id: 'subscription', event_type: 'type', from: 'from', to: 'to' };
  const filter = Object.fromEntries(
    Object.entries(named).flatMap(([member, option]) => {
      const value = textOption(options, option);
      return value === undefined ? [] : [[member, value]];
    }),
  );
  if (Object.keys(filter).length === 0 && options['all'] !== true) {
    throw usageFault('which? an id, one of --subscription, --type, --from and --to, or --all');
  }
  const isDry = options['dryRun'] === true;
  const body = { ...filter, ...(isDry && { dry_run: true }) };
  session.answer(await session.api.send('POST', `${deadLetters}/replay`, body), ({ replayed }) => [
    `${Number(replayed)} ${isDry ? 'would be' : 'are'} delivered again`,
  ]);
}

/** Shows what comes back, or keeps its secret in a file that is made before anything else is. */
async function withSecret(session: Session, options: Options, send: () => Promise<unknown>): Promise<void> {
  const path = textOption(options, 'secretFile');
  const file = path === undefined ? undefined : await PrivateFile.create(path);
  try {
    const answer = (await send()) as Members;
    if (file === undefined) return session.answer(answer);
    const { signing_secret: secret, ...others } = answer;
    await file.writeJson({ id: others['id'] ?? others['subscription_id'], signing_secret: secret });
    session.answer(others);
  } catch (error) {
    await file?.discard();
    throw error;
  }
}

function one(id: string | undefined): string {
  return `${subscriptions}/${segment(id)}`;
}
