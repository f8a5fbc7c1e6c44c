import { randomUUID } from 'node:crypto';
import type { Credentials, TestServer } from './server.js';

/** What a subscription's creation answers. */
export interface CreatedSubscription {
  readonly id: string;
  readonly signing_secret: string;
}

/** A delivery with its attempts, as an admin sees it. */
export interface SeenDelivery {
  readonly id: string;
  readonly event_id: string;
  readonly status: string;
  readonly attempt_count: number;
  readonly next_attempt_at: string | null;
  readonly attempts: {
    readonly at: string;
    readonly status_code: number | null;
    readonly error: string | null;
    readonly duration_ms: number;
    readonly response_excerpt: string | null;
  }[];
}

/** Publishes and subscribes at a server. */
export class EventRoad {
  private readonly subscribed: string[] = [];
  private publisher: Promise<{ credentials: Credentials; token: string }> | undefined;

  constructor(private readonly server: TestServer) {}

  /** The same at another server of the same database. */
  at(server: TestServer): EventRoad {
    const road = new EventRoad(server);
    road.subscribed.push(...this.subscribed.splice(0));
    return road;
  }

  /** Creates a subscription to `url`; fails unless the answer is 201. */
  async subscribe(url: string, members: Record<string, unknown> = {}): Promise<CreatedSubscription> {
    const body = { name: 'a subscription', url, event_types: ['test.*'], ...members };
    const response = await this.server.asAdmin('POST', '/admin/events/subscriptions', body);
    if (response.status !== 201) throw new Error(`not subscribed: ${response.status} ${await response.text()}`);
    const created = (await response.json()) as CreatedSubscription;
    this.subscribed.push(created.id);
    return created;
  }

  /** Deletes every subscription that was made here, so that the events of the next test are its own. */
  async clear(): Promise<void> {
    for (const id of this.subscribed.splice(0)) {
      await this.server.asAdmin('DELETE', `/admin/events/subscriptions/${id}`);
    }
  }

  /** Changes a subscription; fails unless the answer is 200. */
  async change(id: string, members: Record<string, unknown>): Promise<void> {
    const response = await this.server.asAdmin('PATCH', `/admin/events/subscriptions/${id}`, members);
    if (response.status !== 200) throw new Error(`not changed: ${response.status} ${await response.text()}`);
  }

  /** Publishes events in one batch; answers with their ids of this server, in order. */
  async publish(...events: Record<string, unknown>[]): Promise<string[]> {
    this.publisher ??= this.createPublisher();
    const { credentials, token } = await this.publisher;
    const batch = events.map((event) => ({
      specversion: '1.0',
      id: randomUUID(),
      source: credentials.client_id,
      type: 'test.happened',
      ...event,
    }));
    const response = await this.server.fetch('/events', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify(batch),
    });
    if (response.status !== 202) throw new Error(`not published: ${response.status} ${await response.text()}`);
    const { accepted } = (await response.json()) as { accepted: { event_id: string }[] };
    return accepted.map(({ event_id }) => event_id);
  }

  /** The deliveries of a subscription, with their attempts. */
  async deliveries(subscriptionId: string): Promise<SeenDelivery[]> {
    const list = await this.server.asAdmin(
      'GET',
      `/admin/events/deliveries?subscription_id=${subscriptionId}&limit=200`,
    );
    const { items } = (await list.json()) as { items: { id: string }[] };
    const whole: SeenDelivery[] = [];
    for (const { id } of items) {
      const one = await this.server.asAdmin('GET', `/admin/events/deliveries/${id}`);
      whole.push((await one.json()) as SeenDelivery);
    }
    return whole;
  }

  /** The states of the deliveries of a subscription, sorted. */
  async statuses(subscriptionId: string): Promise<string[]> {
    const list = await this.server.asAdmin(
      'GET',
      `/admin/events/deliveries?subscription_id=${subscriptionId}&limit=200`,
    );
    const { items } = (await list.json()) as { items: { status: string }[] };
    return items.map(({ status }) => status).toSorted();
  }

  /** Whether a subscription has so many deliveries, all of them in that state. */
  async allAre(status: string, count: number, subscriptionId: string): Promise<boolean> {
    const statuses = await this.statuses(subscriptionId);
    return statuses.length === count && statuses.every((one) => one === status);
  }

  /** The one delivery of a subscription; fails when there are others, or none. */
  async delivery(subscriptionId: string): Promise<SeenDelivery> {
    const found = await this.deliveries(subscriptionId);
    const [only] = found;
    if (only === undefined || found.length > 1) throw new Error(`${found.length} deliveries`);
    return only;
  }

  private async createPublisher(): Promise<{ credentials: Credentials; token: string }> {
    const credentials = await this.server.createClient({ client_name: 'publisher', scope: 'events:publish' });
    return { credentials, token: await this.server.tokenOf(credentials) };
  }
}
