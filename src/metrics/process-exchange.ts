import cluster from 'node:cluster';
import { type ExchangeMessage, isExchangeMessage } from './exchange-message.js';

/** Milliseconds that the numbers of the other processes are waited for. */
const waitMs = 2_000;

/** A worker's side: gives its own text when asked, and asks for those of the others. */
export class ProcessExchange {
  private readonly waiting = new Map<number, (texts: readonly string[]) => void>();
  private asked = 0;

  /** @param ownText the numbers of this process */
  constructor(private readonly ownText: () => Promise<string>) {
    process.on('message', this.receive);
    send({ metrics: 'join' });
  }

  /** Tells this worker from the others. */
  get name(): string {
    return String(cluster.worker?.id ?? process.pid);
  }

  /** The texts of the other workers, as far as they answer in time. */
  async textsOfOthers(): Promise<readonly string[]> {
    const id = (this.asked += 1);
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve) => {
        this.waiting.set(id, resolve);
        timer = setTimeout(() => resolve([]), waitMs);
        send({ metrics: 'ask', id });
      });
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  leave(): void {
    process.off('message', this.receive);
    send({ metrics: 'leave' });
  }

  private readonly receive = (message: unknown): void => {
    if (!isExchangeMessage(message)) return;
    if (message.metrics === 'tell') this.waiting.get(message.id)?.(message.texts);
    if (message.metrics === 'ask') void this.answer(message.id);
  };

  private async answer(id: number): Promise<void> {
    const text = await this.ownText().catch(() => undefined);
    send({ metrics: 'tell', id, texts: text === undefined ? [] : [text] });
  }
}

/** A channel that is closed ends this process soon; nobody waits for what could not be sent. */
function send(message: ExchangeMessage): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
