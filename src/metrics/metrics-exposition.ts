import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { type Exposition, Measurements } from '../measurements/index.js';
import { mergedText } from './merged-text.js';
import { ProcessExchange } from './process-exchange.js';

/** What a scrape is answered with: the numbers of this process, or of all processes of the server. */
@Injectable()
export class MetricsExposition implements OnApplicationShutdown {
  private exchange: ProcessExchange | undefined;

  constructor(@Inject(Measurements) private readonly measurements: Measurements) {}

  /**
   * From now on a scrape that reaches this process is answered for every process of the server (`WEB_CONCURRENCY`): whichever
   * gets the next one, the numbers are the same. The label `process` tells them apart.
   */
  joinProcesses(): void {
    this.exchange ??= new ProcessExchange(async () => (await this.measurements.exposition()).text);
    this.measurements.labelAll('process', this.exchange.name);
  }

  /** The numbers of this moment. */
  async now(): Promise<Exposition> {
    const [own, others] = await Promise.all([this.measurements.exposition(), this.exchange?.textsOfOthers()]);
    return others === undefined ? own : { ...own, text: mergedText([own.text, ...others]) };
  }

  onApplicationShutdown(): void {
    this.exchange?.leave();
  }
}
