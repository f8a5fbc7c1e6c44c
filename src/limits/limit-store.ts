/** How much was granted of a limit, in the form that a store adds up. */
export type Grant =
  | {
      readonly kind: 'bucket';
      /** Size of the bucket, and what flows in per minute. */
      readonly perMinute: number;
      /** Granted since this was last told. */
      readonly taken: number;
      /** What this process believes to be left; counts where the store has forgotten the bucket. */
      readonly level: number;
    }
  | {
      readonly kind: 'day';
      readonly taken: number;
      /** What this process knows to have been granted before, by all. */
      readonly known: number;
    };

/** Something that processes count together. */
export interface Shareable {
  /** Its name in the store. */
  readonly key: string;
  /** What to tell now; until `accept`, telling again tells it again. */
  told(): Grant;
  /**
   * @param value of a bucket what is left, below 0 when too much was granted; of a day what all have granted
   * @param now milliseconds since the epoch
   */
  accept(value: number, now: number): void;
}

/** Where processes count together. Whatever it does not answer in time is as good as lost. */
export interface LimitStore {
  /** Adds up what was granted, and notes that the process `name` is there. Values in the order of `items`. */
  exchange(
    name: string,
    items: readonly Shareable[],
  ): Promise<{ readonly processes: number; readonly values: readonly number[] }>;
  ping(): Promise<unknown>;
  /** Begins a new connection. */
  reconnect(): void;
  /** The process ends: its part is for the others. */
  leave(name: string): Promise<unknown>;
  close(): void;
}
