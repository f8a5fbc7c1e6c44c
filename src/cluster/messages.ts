/** The variable by which a worker is told where the database of the primary is. */
export const databaseUrlVariable = 'SIGNET_PRIMARY_DATABASE_URL';

/** What a worker tells the primary: that it answers requests, and what an operator is to read of its start. */
export interface ReadyMessage {
  readonly signet: 'ready';
  readonly lines: readonly string[];
}

/** What the primary asks of a worker. */
export interface OrderMessage {
  /**
   * `background-work`: from now on this worker does what is due without a request, for all of them.
   * `retire`: finish the conversations under way, take no new ones, and end.
   */
  readonly signet: 'background-work' | 'retire';
}

/** Other libraries may use the channel too. */
export function isReadyMessage(message: unknown): message is ReadyMessage {
  return kindOf(message) === 'ready';
}

/** As {@link isReadyMessage}, for the other direction. */
export function isOrderMessage(message: unknown): message is OrderMessage {
  const kind = kindOf(message);
  return kind === 'background-work' || kind === 'retire';
}

function kindOf(message: unknown): unknown {
  return typeof message === 'object' && message !== null && 'signet' in message ? message.signet : undefined;
}
