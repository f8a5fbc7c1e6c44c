import { lookup, Resolver as DnsResolver } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';
import { parseHosts } from './hosts-file.js';
import { readAgain } from './read-again.js';
import { candidates, parseSearchList } from './search-list.js';
import { Turns } from './turns.js';

/** Finds the addresses of a host name. */
export abstract class Resolver {
  /**
   * All IPv4 and IPv6 addresses, in the order in which they are to be tried.
   *
   * @throws Error when there are none
   */
  abstract resolve(hostname: string): Promise<readonly string[]>;
}

/** Where names are looked up; what is left out is as the system has it. */
export interface NameSources {
  readonly hostsFile?: string;
  readonly resolverFile?: string;
  /** `address:port` of the DNS servers. */
  readonly servers?: readonly string[];
  /** The look-up of the C library, which holds a thread. */
  readonly systemLookUp?: (hostname: string) => Promise<readonly string[]>;
}

/** RFC 6761 §6.3: these names are loopback, and are not looked up. */
const localhostName = /(^|\.)localhost$/;
const loopback = ['127.0.0.1', '::1'];

/** For each server; the second try waits twice as long. */
const dnsTimeoutMs = 1_000;
const dnsTries = 2;

/** Of the four threads of the pool, which others need as well. */
const maxSystemLookUps = 2;

/** The DNS has answered that the name has no address. */
const emptyAnswers = new Set<unknown>(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

/** The servers say that they cannot say: the next completion of the name is tried, as the C library does. */
const serverFailure = 'ESERVFAIL';

/** Nobody wants to be asked, which is said at once: then the C library is not kept waiting either. */
const refusals = new Set<unknown>(['ECONNREFUSED', 'EREFUSED', 'ENOTIMP', 'EFORMERR']);

/**
 * Looks names up as the system does – hosts file, search domains, DNS – but the DNS is asked without a thread: `getaddrinfo`
 * holds one of the few that the process has for as long as a silent server lets it wait, and then every other name waits, too.
 * It is asked only where the DNS says that it does not know (mDNS, other sources of nsswitch.conf). A name that is being
 * looked up is not looked up again beside it.
 */
@Injectable()
export class SystemResolver extends Resolver {
  private readonly running = new Map<string, Promise<readonly string[]>>();
  private readonly turns = new Turns(maxSystemLookUps);
  private readonly hosts: () => ReadonlyMap<string, readonly string[]>;
  private readonly dns: () => {
    readonly resolver: DnsResolver;
    readonly names: (hostname: string) => readonly string[];
  };
  private readonly systemLookUp: (hostname: string) => Promise<readonly string[]>;

  constructor(sources: NameSources = {}) {
    super();
    this.hosts = readAgain(sources.hostsFile ?? '/etc/hosts', parseHosts);
    this.dns = readAgain(sources.resolverFile ?? '/etc/resolv.conf', (text) => {
      // It reads the same file once, when it is made.
      const resolver = new DnsResolver({ timeout: dnsTimeoutMs, tries: dnsTries });
      if (sources.servers !== undefined) resolver.setServers([...sources.servers]);
      const searchList = parseSearchList(text);
      return { resolver, names: (hostname) => candidates(hostname, searchList) };
    });
    this.systemLookUp = sources.systemLookUp ?? systemLookUp;
  }

  resolve(hostname: string): Promise<readonly string[]> {
    const running = this.running.get(hostname);
    if (running !== undefined) return running;
    const found = this.find(hostname).finally(() => this.running.delete(hostname));
    this.running.set(hostname, found);
    return found;
  }

  private async find(hostname: string): Promise<readonly string[]> {
    const hosts = this.hosts();
    const local = hosts.get(hostname);
    if (local !== undefined) return local;
    if (localhostName.test(hostname)) return hosts.get('localhost') ?? loopback;
    if (isDnsOfSystem) {
      const found = await this.askDns(hostname);
      if (found !== undefined) return found;
    }
    return this.turns.take(() => this.systemLookUp(hostname));
  }

  /** @returns undefined when the DNS has said that it has no address under any completion of the name, or does not answer us */
  private async askDns(hostname: string): Promise<readonly string[] | undefined> {
    const { resolver, names } = this.dns();
    let failure: unknown;
    for (const name of names(hostname)) {
      const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      const addresses = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      if (addresses.length > 0) return addresses;
      const faults = answers.flatMap((answer) => (answer.status === 'rejected' ? [answer.reason as unknown] : []));
      if (faults.some((fault) => refusals.has(codeOf(fault)))) return undefined;
      const missing = faults.find((fault) => !emptyAnswers.has(codeOf(fault)));
      // Silence says nothing of the name: it may be the one that was meant, and no other is taken in its place.
      if (missing !== undefined && codeOf(missing) !== serverFailure) throw missing;
      failure ??= missing;
    }
    if (failure !== undefined) throw failure;
    return undefined;
  }
}

/**
 * Whether the two files say how the system looks names up. Elsewhere than on Linux it knows more than they say, and with these
 * variables (resolv.conf(5)) it does something else than they say.
 */
const isDnsOfSystem =
  process.platform === 'linux' && !['LOCALDOMAIN', 'RES_OPTIONS'].some((name) => process.env[name] !== undefined);

async function systemLookUp(hostname: string): Promise<readonly string[]> {
  const entries = await lookup(hostname, { all: true, verbatim: true });
  return entries.map(({ address }) => address);
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
