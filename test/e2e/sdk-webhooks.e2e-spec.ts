import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { type FastifyInstance, fastify } from 'fastify';
import { Webhook } from 'standardwebhooks';
import {
  createWebhookReceiver,
  fastifyWebhookHook,
  nodeWebhookHandler,
  webWebhookHandler,
} from '../../sdk/src/events/index.js';

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const other = `whsec_${randomBytes(32).toString('base64')}`;
const body = JSON.stringify({
  specversion: '1.0',
  id: '1',
  source: 'orders',
  type: 'order.created',
  data: { amount: 1 },
});

/** A delivery as another implementation of Standard Webhooks signs it. */
function delivery(id = 'msg_1', at = new Date(), by = secret) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(by).sign(id, at, body),
  };
}

const secondsFromNow = (seconds: number) => new Date(Date.now() + seconds * 1000);

describe('E-09: a receiver', () => {
  it('believes what was signed, and tells the handlers of the type', async () => {
    const seen: string[] = [];
    const receiver = createWebhookReceiver({
      secrets: [secret],
      handlers: {
        'order.*': ({ type }) => void seen.push(`order.*: ${type}`),
        '*': (_, { id }) => void seen.push(`*: ${id}`),
        'other.*': () => void seen.push('other'),
      },
    });
    expect(await receiver.receive(delivery(), body)).toMatchObject({
      id: 'msg_1',
      duplicate: false,
      event: { id: '1' },
    });
    expect(seen).toEqual(['order.*: order.created', '*: msg_1']);
  });

  it('works on a repeat once, and again on what failed', async () => {
    let calls = 0;
    const handlers = {
      '*': () => {
        calls += 1;
        if (calls === 1) throw new Error('not now');
      },
    };
    const receiver = createWebhookReceiver({ secrets: [secret], handlers });
    await expect(receiver.receive(delivery(), body)).rejects.toThrow('not now');
    expect(await receiver.receive(delivery(), body)).toMatchObject({ duplicate: false });
    expect(await receiver.receive(delivery(), body)).toMatchObject({ duplicate: true });
    expect(calls).toBe(2);
  });

  it('believes both secrets of a rotation', async () => {
    const receiver = createWebhookReceiver({ secrets: [other, secret] });
    await expect(receiver.receive(delivery('a'), body)).resolves.toBeDefined();
    await expect(receiver.receive(delivery('b', new Date(), other), body)).resolves.toBeDefined();
    const [one] = delivery('c')['webhook-signature'].split(' ');
    const both = { ...delivery('c'), 'webhook-signature': `v1,${'A'.repeat(43)}= ${one}` };
    await expect(receiver.receive(both, body)).resolves.toBeDefined();
  });

  const good = delivery();
  const mac = good['webhook-signature'].slice(3);
  it.each<[string, Record<string, string>, string]>([
    ['another body', {}, body.replace('1.0', '1.1')],
    ['another byte order of the same JSON', {}, JSON.stringify(JSON.parse(body), null, 1)],
    ['another id', { 'webhook-id': 'msg_2' }, body],
    ['another timestamp', { 'webhook-timestamp': String(Number(good['webhook-timestamp']) + 1) }, body],
    ['too old', delivery('msg_1', secondsFromNow(-301)), body],
    ['too far ahead', delivery('msg_1', secondsFromNow(302)), body],
    ['no signature', { 'webhook-signature': '' }, body],
    ['v1 alone', { 'webhook-signature': 'v1,' }, body],
    ['half a signature', { 'webhook-signature': `v1,${mac.slice(0, 20)}` }, body],
    ['another version', { 'webhook-signature': `v2,${mac}` }, body],
    ['v1a', { 'webhook-signature': `v1a,${mac}` }, body],
    ['a thousand signatures', { 'webhook-signature': Array(1_000).fill(`v1,${mac}`).join(' ') }, body],
    ['a timestamp as 1e9', { 'webhook-timestamp': '1e9' }, body],
    ['a negative timestamp', { 'webhook-timestamp': '-1' }, body],
    ['no timestamp', { 'webhook-timestamp': 'NaN' }, body],
    ['the secret of somebody else', delivery('msg_1', new Date(), other), body],
  ])('refuses %s', async (_, headers, sent) => {
    const handled: unknown[] = [];
    const receiver = createWebhookReceiver({
      secrets: [secret],
      handlers: { '*': (event) => void handled.push(event) },
    });
    await expect(receiver.receive({ ...good, ...headers }, sent)).rejects.toMatchObject({ status: 401 });
    expect(handled).toEqual([]);
  });

  it('refuses a signed body that is no CloudEvent', async () => {
    const key = Buffer.from(secret.slice(6), 'base64');
    const signature = createHmac('sha256', key).update(`x.${good['webhook-timestamp']}.[]`).digest('base64');
    const headers = { ...good, 'webhook-id': 'x', 'webhook-signature': `v1,${signature}` };
    await expect(createWebhookReceiver({ secrets: [secret] }).receive(headers, '[]')).rejects.toMatchObject({
      status: 400,
    });
  });

  it('wants a secret, and one of a sane length', () => {
    expect(() => createWebhookReceiver({ secrets: [] })).toThrow('no signing secret');
    expect(() => createWebhookReceiver({ secrets: ['whsec_c2hvcnQ='] })).toThrow('24 to 64 bytes');
  });

  it('says which secret is missing, such as one of a variable that is not set', () => {
    const { SIGNET_TEST_UNSET: unset } = process.env;
    for (const [secrets, missing] of [
      [[unset], 'secrets[0] is missing'],
      [[secret, unset], 'secrets[1] is missing'],
      [[''], 'secrets[0] is missing'],
    ] as const) {
      expect(() => createWebhookReceiver({ secrets })).toThrow(new TypeError(missing));
    }
  });
});

it('answers over HTTP: 204, 401, and 500 for what was not worked on', async () => {
  const receiver = createWebhookReceiver({
    secrets: [secret],
    handlers: {
      '*': (_, { id }) => {
        if (id === 'fails') throw new Error('not now');
      },
    },
  });
  const errors: unknown[] = [];
  const handler = nodeWebhookHandler(receiver, (error) => errors.push(error));
  const listening = createServer((request, response) => void handler(request, response)).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
  const post = (headers: Record<string, string>) => fetch(url, { method: 'POST', headers, body });
  expect((await post(delivery())).status).toBe(204);
  expect((await post({})).status).toBe(401);
  expect((await post(delivery('fails'))).status).toBe(500);
  expect(errors).toEqual([new Error('not now')]);
  await new Promise((resolve) => listening.close(resolve));

  const web = webWebhookHandler(receiver);
  const handed = (headers: Record<string, string>) => web(new Request(url, { method: 'POST', headers, body }));
  expect((await handed(delivery('web'))).status).toBe(204);
  expect((await handed({})).status).toBe(401);
});

describe('a handler for HTTP', () => {
  const waiting = () => {
    let calls = 0;
    let go = (): void => undefined;
    const work = new Promise<void>((resolve) => (go = resolve));
    const handlers = {
      '*': async () => {
        calls += 1;
        await work;
      },
    };
    return { receiver: createWebhookReceiver({ secrets: [secret], handlers }), calls: () => calls, go };
  };

  it('works once on repeats that come at the same time', async () => {
    const { receiver, calls, go } = waiting();
    const received = [1, 2, 3].map(() => receiver.receive(delivery(), body));
    go();
    expect((await Promise.all(received)).map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    expect(calls()).toBe(1);
  });

  it('survives deliveries that break off, and refuses endless ones', async () => {
    const errors: unknown[] = [];
    const handler = nodeWebhookHandler(createWebhookReceiver({ secrets: [secret] }), (error) => errors.push(error));
    const outcomes: Promise<void>[] = [];
    const listening = createServer((request, response) => void outcomes.push(handler(request, response)));
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const { port } = listening.address() as AddressInfo;
    const broken = request({ port, method: 'POST', headers: { ...delivery(), 'content-length': 1_000 } });
    broken.on('error', () => undefined);
    broken.write('{');
    await once(listening, 'request');
    broken.destroy();
    await outcomes[0];
    expect(errors).toMatchObject([{ code: 'ECONNRESET' }]);
    const large = { method: 'POST', headers: delivery(), body: Buffer.alloc(2 * 1024 * 1024 + 1) };
    const refused = await fetch(`http://127.0.0.1:${port}`, large).catch(() => ({ status: 413 }));
    expect(refused.status).toBe(413);
    const web = webWebhookHandler(createWebhookReceiver({ secrets: [secret] }));
    expect((await web(new Request('http://localhost/', large))).status).toBe(413);
    listening.closeAllConnections();
    await new Promise((resolve) => listening.close(resolve));
  });

  it('leaves alone what was answered before it, and survives who listens to its errors', async () => {
    const handlers = { '*': () => Promise.reject(new Error('not now')) };
    const handler = nodeWebhookHandler(createWebhookReceiver({ secrets: [secret], handlers }), () => {
      throw new Error('the listener fails');
    });
    const outcomes: Promise<void>[] = [];
    const listening = createServer((incoming, response) => {
      if (incoming.url === '/late') response.writeHead(503).end();
      outcomes.push(handler(incoming, response));
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const post = async (path: string) =>
      (await fetch(url + path, { method: 'POST', headers: delivery(), body })).status;
    expect([await post('/'), await post('/late')]).toEqual([500, 503]);
    await Promise.all(outcomes);
    listening.closeAllConnections();
    await new Promise((resolve) => listening.close(resolve));
  });

  it('says that a body parser was there before it', async () => {
    const errors: unknown[] = [];
    const handler = nodeWebhookHandler(createWebhookReceiver({ secrets: [secret] }), (error) => errors.push(error));
    const listening = createServer((incoming, response) => {
      incoming.resume().once('end', () => void handler(incoming, response));
    }).listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    expect((await fetch(url, { method: 'POST', headers: delivery(), body })).status).toBe(401);
    expect(String(errors[0])).toContain('a body parser has read the delivery');
    listening.closeAllConnections();
    await new Promise((resolve) => listening.close(resolve));
  });
});

/** Each has `POST /hooks` of one receiver; the type is one that the framework would parse. */
const frameworks = {
  fastify: async (hook: ReturnType<typeof fastifyWebhookHook>) => {
    const app = fastify();
    app.post('/hooks', { onRequest: hook }, () => 'never');
    return { url: await app.listen({ port: 0, host: '127.0.0.1' }), close: () => app.close() };
  },
  nestjs: async (hook: ReturnType<typeof fastifyWebhookHook>) => {
    class HooksModule {}
    Module({})(HooksModule);
    const app = await NestFactory.create<NestFastifyApplication>(HooksModule, new FastifyAdapter(), { logger: false });
    const instance: FastifyInstance = app.getHttpAdapter().getInstance();
    instance.post('/hooks', { onRequest: hook }, () => 'never');
    await app.listen(0, '127.0.0.1');
    return { url: await app.getUrl(), close: () => app.close() };
  },
};

it.each(Object.keys(frameworks) as (keyof typeof frameworks)[])('takes deliveries on %s', async (framework) => {
  const seen: string[] = [];
  const handlers = { '*': ({ type }: { type: string }) => void seen.push(type) };
  const api = await frameworks[framework](fastifyWebhookHook(createWebhookReceiver({ secrets: [secret], handlers })));
  const post = async (headers: Record<string, string>) => {
    const init = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body };
    return (await fetch(`${api.url}/hooks`, init)).status;
  };
  expect([await post(delivery()), await post({}), await post(delivery('msg_2', new Date(), other))]).toEqual([
    204, 401, 401,
  ]);
  expect(seen).toEqual(['order.created']);
  await api.close();
});
