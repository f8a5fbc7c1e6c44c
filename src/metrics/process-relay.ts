import cluster from 'node:cluster';
import { type ExchangeMessage, isExchangeMessage } from './exchange-message.js';

/** Milliseconds that the primary waits for the workers; less than they wait for it. */
const waitMs = 1_500;

interface Round {
  readonly asker: number;
  readonly askersId: number;
  readonly outstanding: Set<number>;
  readonly texts: string[];
  readonly timer: NodeJS.Timeout;
}

/** The primary's side: hands the question of one worker to all others, and their texts back. */
export class ProcessRelay {
  private readonly joined = new Set<number>();
  private readonly rounds = new Map<number, Round>();
  private count = 0;

  /** @param send hands a message to the worker with that number, if it can be reached */
  constructor(private readonly send: (worker: number, message: ExchangeMessage) => void) {}

  /** Takes what a worker says. */
  receive(worker: number, message: ExchangeMessage): void {
    if (message.metrics === 'join') this.joined.add(worker);
    else if (message.metrics === 'leave') this.forget(worker);
    else if (message.metrics === 'ask') this.ask(worker, message.id);
    else this.told(message.id, worker, message.texts);
  }

  /** The worker is gone: nobody waits for it any more. */
  forget(worker: number): void {
    this.joined.delete(worker);
    for (const id of this.rounds.keys()) this.told(id, worker, []);
  }

  private ask(asker: number, askersId: number): void {
    const id = (this.count += 1);
    const outstanding = new Set([...this.joined].filter((worker) => worker !== asker));
    const timer = setTimeout(() => this.finish(id), waitMs);
    this.rounds.set(id, { asker, askersId, outstanding, texts: [], timer });
    if (outstanding.size === 0) this.finish(id);
    for (const worker of outstanding) this.send(worker, { metrics: 'ask', id });
  }

  private told(id: number, worker: number, texts: readonly string[]): void {
    const round = this.rounds.get(id);
    if (round === undefined || !round.outstanding.delete(worker)) return;
    round.texts.push(...texts);
    if (round.outstanding.size === 0) this.finish(id);
  }

  private finish(id: number): void {
    const round = this.rounds.get(id);
    if (round === undefined) return;
    clearTimeout(round.timer);
    this.rounds.delete(id);
    this.send(round.asker, { metrics: 'tell', id: round.askersId, texts: round.texts });
  }
}

/** Relays the metrics of the workers of this process, the primary. To be called once, before there are any. */
export function relayMetrics(): void {
  const relay = new ProcessRelay((worker, message) => {
    const to = cluster.workers?.[worker];
    if (to?.isConnected() === true) to.send(message, undefined, () => undefined);
  });
  cluster.on('message', (worker, message: unknown) => {
    if (isExchangeMessage(message)) relay.receive(worker.id, message);
  });
  cluster.on('exit', (worker) => relay.forget(worker.id));
}
