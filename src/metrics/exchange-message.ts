/** What the processes of one server tell each other for the sake of a scrape. */
export type ExchangeMessage =
  | { readonly metrics: 'join' }
  | { readonly metrics: 'leave' }
  /** A worker asks for the texts of all others; the primary asks a worker for its own. */
  | { readonly metrics: 'ask'; readonly id: number }
  /** A worker gives its own text; the primary gives those of all others. */
  | { readonly metrics: 'tell'; readonly id: number; readonly texts: readonly string[] };

/** Other parts use the channel too. */
export function isExchangeMessage(message: unknown): message is ExchangeMessage {
  return typeof message === 'object' && message !== null && 'metrics' in message;
}
