import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DerivedKeys } from '../encryption/index.js';
import { openCursor, type Page, pageOf, type Query, queryParameter, readListQuery } from '../http/index.js';
import { badRequest } from '../protocol/index.js';
import { ClientUsage } from './client-usage.js';
import { type ClientAnswer, clientAnswer } from './client.answer.js';
import { type ClientFilter, ClientRepository } from './client.repository.js';
import { type Client, isClientId } from './client.js';
import { ClientNotFound } from './clients.errors.js';

const maxTextLength = 200;

/** The use cases that read clients. */
@Injectable()
export class ClientListingService {
  constructor(
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(ClientRepository) private readonly clients: ClientRepository,
    @Inject(ClientUsage) private readonly usage: ClientUsage,
    @Inject(DerivedKeys) private readonly derivedKeys: DerivedKeys,
  ) {}

  /** @throws ClientNotFound */
  async get(clientId: string): Promise<Client> {
    // Who looks right after a first use sees it, at least if it was this process that was used.
    await this.usage.flush();
    const client = isClientId(clientId) ? await this.clients.find(this.dataSource.manager, clientId) : undefined;
    if (client === undefined) throw new ClientNotFound();
    return client;
  }

  /**
   * The clients that `q` and `status` select, newest first.
   *
   * @throws Problem 400 for a bad `limit`, `cursor`, `q` or `status`
   */
  async list(query: Query): Promise<Page<ClientAnswer>> {
    const { limit, cursor } = readListQuery(query);
    const filter = readFilter(query);
    const seal = {
      key: this.derivedKeys.derive('cursor-v1'),
      binding: ['clients', JSON.stringify([filter.text ?? null, filter.status ?? null])],
    };
    const after = openCursor(seal, cursor);
    const found = await this.clients.list(this.dataSource.manager, filter, limit + 1, after);
    return pageOf(found, limit, seal, ({ listedAt, clientId }) => ({ at: listedAt, id: clientId }), clientAnswer);
  }
}

function readFilter(query: Query): ClientFilter {
  const text = queryParameter(query, 'q');
  if (text !== undefined && text.length > maxTextLength) {
    throw badRequest([{ pointer: '/q', detail: `must be at most ${maxTextLength} characters` }]);
  }
  const status = queryParameter(query, 'status');
  if (status !== undefined && status !== 'active' && status !== 'disabled') {
    throw badRequest([{ pointer: '/status', detail: 'must be active or disabled' }]);
  }
  return { text: text === '' ? undefined : text, status };
}
