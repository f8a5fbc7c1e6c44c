// A server, its publisher, and receivers that are subscribed to types of their own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd, temporaryDirectory } from '../support/lifetime.mjs';
import { ask, freePort, startHelper, stop } from '../support/processes.mjs';
import { startSignet } from '../support/signet.mjs';

const publisher = 'bench-publisher';
const batchSize = 100;

/** A Redis that keeps nothing on disk. */
export async function startRedis(parent) {
  const port = await freePort();
  const options = ['--bind', '127.0.0.1', '--port', String(port), '--dir', temporaryDirectory(parent)];
  const child = spawn('redis-server', [...options, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' });
  atEnd(() => stop(child));
  await sleep(500);
  if (child.exitCode !== null) throw new Error('redis-server did not start');
  return `redis://127.0.0.1:${port}`;
}

export class World {
  #token;
  #admin;
  #ids = 0;

  static async start({ parent, backend, delays }) {
    const env = { EVENT_TARGET_NETWORKS: '127.0.0.0/8', ACCESS_TOKEN_TTL_SECONDS: '3600' };
    if (backend === 'redis') env.REDIS_URL = await startRedis(parent);
    const world = new World();
    world.server = await startSignet({ parent, clients: 0, env });
    world.#token = await world.server.publisherToken(publisher);
    world.#admin = await world.server.adminToken('admin:events');
    const { child, ready } = await startHelper(join(import.meta.dirname, 'receivers.mjs'), { delays });
    world.receivers = child;
    world.ports = ready.ports;
    return world;
  }

  async #request(method, path, type, token, body) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const init = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
    const response = await fetch(`http://127.0.0.1:${this.server.port}${path}`, init);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.status === 204 ? undefined : response.json();
  }

  /** Subscribes a port to the types; resolves with the subscription. */
  subscribe(port, eventTypes, members = {}) {
    const url = `http://127.0.0.1:${port}/hook`;
    const body = { name: `bench ${port}`, url, event_types: eventTypes, ...members };
    return this.#request('POST', '/admin/events/subscriptions', 'application/json', this.#admin, body);
  }

  unsubscribe({ id }) {
    return this.#request('DELETE', `/admin/events/subscriptions/${id}`, 'application/json', this.#admin, undefined);
  }

  /** Publishes one event; resolves with its id and when it was sent and taken. */
  async publishOne(type) {
    const [event] = this.#events(type, 1, []);
    const sentAt = Date.now();
    await this.#request('POST', '/events', 'application/cloudevents+json', this.#token, event);
    return { id: event.id, sentAt, takenAt: Date.now() };
  }

  /** Publishes `count` events, four batches at a time; with subjects, in their order. */
  async publish(type, count, subjects = []) {
    const atOnce = subjects.length === 0 ? 4 : 1;
    let left = count;
    const send = async () => {
      while (left > 0) {
        const size = Math.min(batchSize, left);
        left -= size;
        const events = this.#events(type, size, subjects);
        await this.#request('POST', '/events', 'application/cloudevents-batch+json', this.#token, events);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, send));
  }

  #events(type, count, subjects) {
    return Array.from({ length: count }, () => {
      this.#ids += 1;
      const subject = subjects.length === 0 ? undefined : subjects[this.#ids % subjects.length];
      return {
        specversion: '1.0',
        id: String(this.#ids),
        source: publisher,
        type,
        subject,
        data: { number: this.#ids },
      };
    });
  }

  /** Ends the server and the receivers, so that they do not disturb what is measured next. */
  async stop() {
    await Promise.all([stop(this.server.child), stop(this.receivers)]);
  }

  reset() {
    return ask(this.receivers, { ask: 'reset' });
  }

  async counts() {
    return (await ask(this.receivers, { ask: 'counts' })).counts;
  }

  async seen() {
    return (await ask(this.receivers, { ask: 'seen' })).seen;
  }

  /** Waits until each receiver has as many as `expected` says. */
  async arrived(expected, limitMs = 300_000) {
    for (const limit = Date.now() + limitMs; ; await sleep(10)) {
      const counts = await this.counts();
      if (counts.every((count, index) => count >= expected[index])) return;
      if (Date.now() > limit) throw new Error(`not all arrived: ${counts.join(', ')} of ${expected.join(', ')}`);
    }
  }
}
