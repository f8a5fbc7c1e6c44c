/** What the limits ask of the statistics: how much was granted before this process began to count. */
export abstract class TokensOfDay {
  /**
   * Tokens issued on a day, by client, as far as they have been added up.
   *
   * @param day its start in UTC, milliseconds since the epoch
   * @throws DatabaseUnavailable
   */
  abstract issuedOn(day: number, clientIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
}
