import { lookup } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';

/** Finds the addresses of a host name. */
export abstract class Resolver {
  /**
   * All IPv4 and IPv6 addresses, in the order in which they are to be tried.
   *
   * @throws Error when there are none
   */
  abstract resolve(hostname: string): Promise<readonly string[]>;
}

/**
 * The resolver of the system, which knows the hosts file and the search domains that names inside a cluster need. It runs in
 * the thread pool and cannot be given up, so a name that is being looked up is not looked up again beside it.
 */
@Injectable()
export class SystemResolver extends Resolver {
  private readonly running = new Map<string, Promise<readonly string[]>>();

  resolve(hostname: string): Promise<readonly string[]> {
    const running = this.running.get(hostname);
    if (running !== undefined) return running;
    const found = lookup(hostname, { all: true, verbatim: true })
      .then((entries) => entries.map(({ address }) => address))
      .finally(() => this.running.delete(hostname));
    this.running.set(hostname, found);
    return found;
  }
}
