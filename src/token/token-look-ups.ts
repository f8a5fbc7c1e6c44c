import { Inject, Injectable } from '@nestjs/common';
import { Batches, GroupCommit, Postgres } from '../database/index.js';
import { isUuid } from '../identifiers/index.js';

/** A question about a token, and who asks. */
export interface TokenQuestion {
  /** The client that asks, as the decision knows it; `undefined`: whoever asks has been checked otherwise. */
  readonly client: { readonly clientId: string; readonly version: string } | undefined;
  /** `undefined`: nothing is to be looked up, only the asker. */
  readonly token: { readonly jti: string; readonly exp: number } | undefined;
}

/** What the database says. */
export interface TokenAnswer {
  /** Whether the client that asks is active, and still what the decision took it for. */
  readonly clientIsCurrent: boolean;
  /** Whether the token is live: recorded, not expired, and cut neither by itself, by its client nor by its key (D5). */
  readonly isLive: boolean;
}

const selectAnswers = `
  SELECT
    ARRAY(
      SELECT a.n::int4
      FROM unnest($1::text[], $2::int8[]) WITH ORDINALITY AS a (client_id, version, n)
      JOIN clients c ON c.client_id = a.client_id AND c.version = a.version AND c.status = 'active'
    ) AS current,
    ARRAY(
      SELECT i.n::int4
      FROM unnest($3::uuid[], $4::int8[]) WITH ORDINALITY AS i (jti, exp, n)
      JOIN access_tokens t ON t.jti = i.jti AND t.expires_at = to_timestamp(i.exp)
        AND t.revoked_at IS NULL AND t.expires_at > statement_timestamp()
      JOIN clients c ON c.client_id = t.client_id AND c.token_epoch = t.client_epoch AND c.status = 'active'
      JOIN signing_keys k ON k.kid = t.kid AND k.status IN ('active', 'retiring')
    ) AS live`;

/** Asks the database of record about tokens: the questions of one moment are one query, begun after each of them was  */
@Injectable()
export class TokenLookUps {
  private readonly reader: GroupCommit<TokenQuestion, TokenAnswer>;

  constructor(
    @Inject(Postgres) private readonly postgres: Postgres,
    @Inject(Batches) batches: Batches,
  ) {
    this.reader = new GroupCommit({
      maxBatch: 256,
      maxQueued: 10_000,
      measures: batches.of('look_ups'),
      commit: (questions) => this.answerAll(questions),
    });
  }

  /** @throws DatabaseUnavailable when the truth cannot be known */
  ask(question: TokenQuestion): Promise<TokenAnswer> {
    return this.reader.add(question);
  }

  private async answerAll(questions: readonly TokenQuestion[]): Promise<TokenAnswer[]> {
    const clients = new Map<TokenQuestion['client'], number>();
    const clientIds: string[] = [];
    const versions: string[] = [];
    const jtis: string[] = [];
    const expiries: number[] = [];
    // Places count from 1, as PostgreSQL does; 0 is nowhere.
    const places = questions.map(({ client, token }) => {
      let clientPlace = client === undefined ? 0 : clients.get(client);
      if (clientPlace === undefined && client !== undefined) {
        clientIds.push(client.clientId);
        clientPlace = versions.push(client.version);
        clients.set(client, clientPlace);
      }
      if (token === undefined || !isReadable(token)) return { client: clientPlace, token: 0 };
      jtis.push(token.jti);
      return { client: clientPlace, token: expiries.push(token.exp) };
    });
    const [row] = await this.postgres.query<{ current: number[]; live: number[] }>({
      name: 'token_look_ups',
      text: selectAnswers,
      values: [clientIds, versions, jtis, expiries].map(literal),
    });
    const current = new Set(row?.current);
    const live = new Set(row?.live);
    return places.map(({ client = 0, token }) => ({ clientIsCurrent: current.has(client), isLive: live.has(token) }));
  }
}

/** An array as PostgreSQL reads it; none of these values holds a character that must be escaped within quotes. */
function literal(values: readonly (string | number)[]): string {
  return values.length === 0 ? '{}' : `{"${values.join('","')}"}`;
}

/** Only what PostgreSQL can read is put to it. */
function isReadable({ jti, exp }: { readonly jti: string; readonly exp: number }): boolean {
  return isUuid(jti) && Number.isSafeInteger(exp);
}
