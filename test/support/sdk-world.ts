import { EventEmitter, once } from 'node:events';
import { createServiceFetch, TokenManager } from '../../sdk/src/client/index.js';
import { createWebhookReceiver, nodeWebhookHandler, type EventHandler } from '../../sdk/src/events/index.js';
import { httpSink } from './egress.js';
import type { Credentials, TestServer } from './server.js';

/** A `fetch` for the server, with tokens of a client. */
export function fetchOf(server: TestServer, { client_id: clientId, client_secret: clientSecret }: Credentials) {
  const tokens = new TokenManager({ issuer: server.issuer, credentials: { clientId, clientSecret } });
  return createServiceFetch(tokens, { baseUrl: server.issuer });
}

/** A service that is told of events by webhook, as `@signet/sdk/events` takes them. */
export class Listener {
  /** Types of the events that its handlers have worked on, and ids of their deliveries. */
  readonly handled: { readonly type: string; readonly id: string }[] = [];
  /** Statuses of what it has answered. */
  readonly answered: number[] = [];
  private readonly news = new EventEmitter();
  private close = (): Promise<void> => Promise.resolve();
  private receive: ReturnType<typeof nodeWebhookHandler> = () => Promise.resolve();

  private constructor(
    private readonly server: TestServer,
    private readonly handler: EventHandler,
  ) {}

  /**
   * Subscribes, and waits for deliveries.
   *
   * @param members of the subscription, beside its name and url
   */
  static async open(
    server: TestServer,
    members: Record<string, unknown>,
    handler: EventHandler = () => undefined,
  ): Promise<Listener & { readonly subscription: { readonly id: string; readonly signing_secret: string } }> {
    const listener = new Listener(server, handler);
    const sink = await httpSink((request, response) => {
      response.once('close', () => {
        listener.answered.push(response.statusCode);
        listener.news.emit('news');
      });
      void listener.receive(request, response);
    });
    listener.close = () => sink.close();
    const url = `http://127.0.0.1:${sink.port}/hooks`;
    const created = await server.asAdmin('POST', '/admin/events/subscriptions', { name: 'SDK', url, ...members });
    if (created.status !== 201) throw new Error(`not subscribed: ${created.status} ${await created.text()}`);
    const subscription = (await created.json()) as { id: string; signing_secret: string };
    listener.believe(subscription.signing_secret);
    return Object.assign(listener, { subscription });
  }

  /** From now on it believes these secrets. */
  believe(...secrets: string[]): void {
    const handlers = {
      '*': async (...[event, delivery]: Parameters<EventHandler>) => {
        await this.handler(event, delivery);
        this.handled.push({ type: event.type, id: delivery.id });
      },
    };
    this.receive = nodeWebhookHandler(createWebhookReceiver({ secrets, handlers }));
  }

  /** Once it has worked on so many of a type; fails never, but with the test. */
  async told(type: string, count = 1): Promise<void> {
    while (this.handled.filter((one) => one.type === type).length < count) await once(this.news, 'news');
  }

  /** Once it has given so many answers. */
  async hasAnswered(count: number): Promise<void> {
    while (this.answered.length < count) await once(this.news, 'news');
  }

  /** Sends a test event along; answers with its id. */
  async test(id: string): Promise<string> {
    const response = await this.server.asAdmin('POST', `/admin/events/subscriptions/${id}/test`);
    return ((await response.json()) as { event_id: string }).event_id;
  }

  /** Ends the listener and its subscription. */
  async end(id: string): Promise<void> {
    await this.server.asAdmin('DELETE', `/admin/events/subscriptions/${id}`);
    await this.close();
  }
}
