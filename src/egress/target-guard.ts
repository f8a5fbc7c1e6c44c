import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { classifyAddress, plainAddress } from './address-class.js';
import { EgressError } from './egress-error.js';
import { Resolver } from './resolver.js';
import { mayReach, type OwnEndpoint, readTarget, type Target, TargetPolicy } from './target.js';

/** A target whose addresses were all looked up and checked. */
export interface CheckedTarget extends Target {
  /** At least one; the only addresses that may be dialled. */
  readonly addresses: readonly string[];
  /** Whether one of them is not public: the operator listed its network. */
  readonly listed: boolean;
}

const resolveTimeoutMs = 3_000;

/** More addresses than any name has for a good reason. */
const maxAddresses = 64;

/** Decides, anew for every attempt, what a request may be sent to (security.md D10). */
@Injectable()
export class TargetGuard {
  constructor(
    @Inject(TargetPolicy) private readonly policy: TargetPolicy,
    @Inject(Resolver) private readonly resolver: Resolver,
  ) {}

  /**
   * Reads the URL, looks its host up and checks every address that comes back: one that is forbidden forbids the target.
   *
   * @param withinMs milliseconds that it may take; unless given, it is the sender's deadline that ends the waiting
   * @throws EgressError `target_not_allowed`, `timeout`, `refused`
   */
  async check(text: string, withinMs?: number): Promise<CheckedTarget> {
    if (withinMs === undefined) return this.checked(text);
    const { promise: late, cancel } = lateness(withinMs);
    try {
      return await Promise.race([this.checked(text), late]);
    } finally {
      cancel();
    }
  }

  private async checked(text: string): Promise<CheckedTarget> {
    const target = readTarget(text, this.policy);
    if (typeof target === 'string') throw new EgressError('target_not_allowed', new Error(target));
    const addresses = await this.addressesOf(target.hostname);
    if (!addresses.every((address) => mayReach(address, target, this.policy))) throw notAllowed('address');
    await this.refuseOwn(target, addresses);
    return { ...target, addresses, listed: addresses.some((address) => classifyAddress(address) !== 'public') };
  }

  private async refuseOwn({ port }: Target, addresses: readonly string[]): Promise<void> {
    for (const own of this.policy.own) {
      if (own.byAddress && own.port === port && (await this.isOwn(own, addresses))) throw notAllowed('own endpoint');
    }
  }

  private async isOwn({ host }: OwnEndpoint, addresses: readonly string[]): Promise<boolean> {
    // What cannot be looked up cannot be told from the target: then nothing may go to this port.
    const own = await this.addressesOf(host).catch(() => undefined);
    if (own === undefined) return true;
    if (addresses.some((address) => own.includes(address))) return true;
    const machine = addressesOfThisMachine();
    const isHere = (address: string) => isOfThisMachine(address, machine);
    return own.some(isHere) && addresses.some(isHere);
  }

  private async addressesOf(hostname: string): Promise<readonly string[]> {
    const found = isIP(hostname) === 0 ? await this.resolve(hostname) : [hostname];
    if (found.length === 0) throw new EgressError('refused', new Error('no address'));
    const plain = found.slice(0, maxAddresses + 1).map(plainAddress);
    if (plain.length > maxAddresses) throw notAllowed('too many addresses');
    return [...new Set(plain.map(known))];
  }

  private async resolve(hostname: string): Promise<readonly string[]> {
    const { promise: late, cancel } = lateness(resolveTimeoutMs);
    try {
      return await Promise.race([this.resolver.resolve(hostname), late]);
    } catch (error) {
      throw error instanceof EgressError ? error : new EgressError('refused', error);
    } finally {
      cancel();
    }
  }
}

function known(address: string | undefined): string {
  if (address === undefined) throw notAllowed('not an address');
  return address;
}

function notAllowed(reason: string): EgressError {
  return new EgressError('target_not_allowed', new Error(reason));
}

function lateness(milliseconds: number): { promise: Promise<never>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new EgressError('timeout')), milliseconds).unref();
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

function addressesOfThisMachine(): ReadonlySet<string> {
  const interfaces = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return new Set(interfaces.flatMap(({ address }) => plainAddress(address) ?? []));
}

function isOfThisMachine(address: string, machine: ReadonlySet<string>): boolean {
  return machine.has(address) || address === '0.0.0.0' || address === '::' || classifyAddress(address) === 'loopback';
}
