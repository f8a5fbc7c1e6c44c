import { Inject, Injectable } from '@nestjs/common';
import { type Caller, confirmCaller, TokenStatus } from '../access/index.js';
import { DerivedKeys } from '../encryption/index.js';
import type { Query } from '../http/index.js';
import { ChangeFeedRepository, type FeedStretch } from './change-feed.repository.js';
import { type ChangesQuery, cursorRefused, feedCursor, readChangesQuery } from './changes-query.js';
import { FeedWatch } from './feed-watch.js';
import { LongPolls } from './long-polls.js';
import { type ChangesAnswer, changeAnswer } from './sync.answers.js';

/** Changes that are looked at in one query for those of one type. */
const span = 10_000;

/** The feed of changes, in the order of their commits. */
@Injectable()
export class ChangeFeed {
  private readonly key: Buffer;

  constructor(
    @Inject(ChangeFeedRepository) private readonly changes: ChangeFeedRepository,
    @Inject(FeedWatch) private readonly watch: FeedWatch,
    @Inject(LongPolls) private readonly longPolls: LongPolls,
    @Inject(TokenStatus) private readonly tokens: TokenStatus,
    @Inject(DerivedKeys) derivedKeys: DerivedKeys,
  ) {
    this.key = derivedKeys.derive('cursor-v1');
  }

  /**
   * The changes behind a cursor, oldest first, and the cursor to go on from. Where there is none, it waits for one as long as
   * it is asked to.
   *
   * @param closed aborted when nobody waits for the answer any more
   * @throws Problem 400 for a bad parameter, 401 when the token has ended during the wait
   * @throws TooManyLongPolls
   * @throws DatabaseUnavailable
   */
  async list(caller: Caller, query: Query, closed: AbortSignal): Promise<ChangesAnswer> {
    const asked = readChangesQuery(query, this.key);
    const read = () => this.waitFor(caller, asked, closed);
    const { changes, readTo } = await (asked.waitSeconds === 0 ? read() : this.longPolls.hold(caller.clientId, read));
    return { items: changes.map(changeAnswer), next_cursor: feedCursor(this.key, asked.resourceType, readTo) };
  }

  private async waitFor(caller: Caller, asked: ChangesQuery, closed: AbortSignal): Promise<FeedStretch> {
    const end = performance.now() + asked.waitSeconds * 1_000;
    let from = asked.since;
    for (let begun = false; ; begun = true) {
      const stretch = await this.read(from, asked, closed);
      if (begun && stretch.changes.length > 0) await confirmCaller(this.tokens, caller);
      const left = end - performance.now();
      if (stretch.changes.length > 0 || left <= 0 || this.watch.ended || closed.aborted) return stretch;
      // Woken for nothing.
      if (begun && stretch.readTo === from) this.watch.endsAt(from);
      from = stretch.readTo;
      await this.watch.wait(from, left, closed);
    }
  }

  /** The next changes; none only at the end of the feed. */
  private async read(since: number, { limit, resourceType }: ChangesQuery, closed: AbortSignal): Promise<FeedStretch> {
    const wanted = { limit, span: resourceType === undefined ? limit : span, resourceType };
    for (let from = since; ;) {
      const stretch = await this.changes.stretch(from, wanted);
      // Positions are never given back: this cursor has seen a database that went on from here in another way.
      if (since > stretch.head) throw cursorRefused();
      if (stretch.changes.length > 0 || stretch.atEnd || this.watch.ended || closed.aborted) return stretch;
      from = stretch.readTo;
    }
  }
}
