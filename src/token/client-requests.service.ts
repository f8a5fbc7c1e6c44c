import { Inject, Injectable } from '@nestjs/common';
import { originOf } from '../access/index.js';
import { Audit, type AuditAction, type AuditRefusal, type RequestOrigin } from '../audit/index.js';
import { type ClientCertificate, ClientCertificates } from '../binding/index.js';
import { ClientAuthenticator, type ClientSnapshot, ClientSnapshots, ClientUsage } from '../clients/index.js';
import { Clock } from '../clock/index.js';
import { ServerConfig } from '../config/index.js';
import { DatabaseUnavailable } from '../database/index.js';
import { Limits } from '../limits/index.js';
import {
  type Cidr,
  type ClientCredentials,
  type Form,
  invalidClient,
  invalidRequest,
  isFormMediaType,
  OAuthError,
  parseForm,
  otherClient,
  parseCidr,
  readClientCredentials,
  temporarilyUnavailable,
} from '../protocol/index.js';
import { SingleUse } from '../replay/index.js';
import { type RegisteredScopes, ScopeRegistry } from '../scopes/index.js';
import { RefusalCounts } from '../statistics/index.js';
import { cameOverTls, type WireRequest } from './wire-request.js';

/** Clients that change faster than this many decisions can follow are asked to come again. */
const maxDecisions = 8;

/** A request of a client that authenticates itself: read and well-formed, not yet believed. */
export interface ClientRequest {
  /** Under which a refusal is audited. */
  readonly action: AuditAction;
  readonly credentials: ClientCredentials;
  readonly origin: RequestOrigin;
  readonly certificate: ClientCertificate | undefined;
  /** Value of the `DPoP` header (RFC 9449 §4). */
  readonly dpop: string | string[] | undefined;
}

/** The authenticated client, as it is known to the decision. */
export interface ClientView {
  readonly client: ClientSnapshot;
  readonly scopes: RegisteredScopes;
  /** Loaded after the request came in: a refusal on it is final. */
  readonly fresh: boolean;
}

interface Knowledge {
  readonly client: ClientSnapshot | undefined;
  readonly scopes: RegisteredScopes;
  /** Loaded after the request came in: a refusal may rest on it. */
  readonly fresh: boolean;
}

/**
 * The door of the endpoints at which clients authenticate themselves: token, introspection, revocation.
 *
 * Caches answer, the database decides. A request is decided on cached copies, and what is done or answered rests on the
 * condition that they are still true; a refusal rests on fresh ones. So a change is honoured by every process from the moment
 * of its commit.
 */
@Injectable()
export class ClientRequests {
  /** Who is asked whether a request came over TLS; nobody where the issuer does not. */
  private readonly proxies: readonly Cidr[];

  constructor(
    @Inject(ServerConfig) server: ServerConfig,
    @Inject(ClientSnapshots) private readonly clients: ClientSnapshots,
    @Inject(ScopeRegistry) private readonly scopes: ScopeRegistry,
    @Inject(ClientAuthenticator) private readonly authenticator: ClientAuthenticator,
    @Inject(ClientCertificates) private readonly certificates: ClientCertificates,
    @Inject(ClientUsage) private readonly usage: ClientUsage,
    @Inject(SingleUse) private readonly singleUse: SingleUse,
    @Inject(Limits) private readonly limits: Limits,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(RefusalCounts) private readonly counts: RefusalCounts,
    @Inject(Clock) private readonly clock: Clock,
  ) {
    const trusted = server.issuer.startsWith('https:') ? server.trustProxy : [];
    this.proxies = trusted.map(parseCidr).filter((cidr) => cidr !== null);
  }

  /**
   * Reads a request: its form, how the client authenticates, and with `readRest` what else the endpoint takes.
   *
   * @throws OAuthError `invalid_request` or `invalid_client`, once the refusal is in the audit log
   */
  async read<Rest>(
    wire: WireRequest,
    action: AuditAction,
    readRest: (form: Form) => Rest,
  ): Promise<{ readonly request: ClientRequest; readonly rest: Rest }> {
    const origin = originOf(wire);
    let claimed: string | undefined;
    try {
      if (!isFormMediaType(wire.headers['content-type'])) {
        throw invalidRequest('the body must be application/x-www-form-urlencoded');
      }
      // RFC 6749 §1.6, §3.2: credentials must not come over plain HTTP, as a trusted proxy would tell.
      if (!cameOverTls(wire, this.proxies)) throw invalidRequest('this endpoint takes requests over TLS only');
      const form = parseForm(wire.body instanceof Uint8Array ? wire.body : new Uint8Array());
      // Whoever authenticates otherwise is not who the form says.
      const byForm = wire.headers.authorization === undefined && !form.has('client_assertion');
      claimed = byForm ? form.get('client_id')?.[0] : undefined;
      const credentials = readClientCredentials(wire.headers.authorization, form);
      claimed = credentials.clientId;
      const certificate = this.certificates.of(wire);
      return {
        request: { action, credentials, origin, certificate, dpop: wire.headers['dpop'] },
        rest: readRest(form),
      };
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      throw await this.refused(error, action, origin, claimed);
    }
  }

  /**
   * Authenticates the client and lets `act` answer it.
   *
   * @param act gives `undefined` when what it was told no longer holds; then nothing has happened, and it is asked again
   * @param details what the audit entry of a refusal says beside the reason
   * @throws OAuthError `invalid_client`, or what `act` refuses with, once the refusal is in the audit log
   * @throws DatabaseUnavailable when the database is away
   */
  async answer<Result>(
    request: ClientRequest,
    act: (view: ClientView) => Promise<Result | undefined>,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<Result> {
    try {
      return await this.decide(request, act);
    } catch (error) {
      if (!(error instanceof OAuthError)) throw error;
      throw await this.refused(error, request.action, request.origin, request.credentials.clientId, details);
    }
  }

  private async decide<Result>(
    request: ClientRequest,
    act: (view: ClientView) => Promise<Result | undefined>,
  ): Promise<Result> {
    let known = this.remembered(request) ?? (await this.fresh(request));
    let spent = false;
    for (let decisions = 0; decisions < maxDecisions; decisions += 1) {
      let refusal: OAuthError | undefined;
      try {
        const authenticated = this.authenticator.authenticate(request.credentials, known.client, {
          now: this.clock.now(),
          address: request.origin.ipAddress ?? '',
          certificate: request.certificate,
        });
        const outcome = authenticated instanceof Promise ? await authenticated : authenticated;
        const { client, scopes, fresh } = known;
        if (outcome.fault !== undefined || client === undefined) throw invalidClient(outcome.fault ?? 'unknown_client');
        if ('namesOther' in request.credentials) throw otherClient();
        if (outcome.once !== undefined && !spent) {
          spent = await this.singleUse.use(outcome.once);
          if (!spent) throw invalidClient('assertion_replayed');
        }
        const result = await act({ client, scopes, fresh });
        if (result !== undefined) {
          this.usage.used(client.clientId, outcome.secretId);
          return result;
        }
      } catch (error) {
        if (!(error instanceof OAuthError) || known.fresh) throw error;
        refusal = error;
      }
      const before = known;
      known = await this.fresh(request);
      // Whoever is not believed costs no more work where the client is known (security.md A-01). `act` is asked anew: it has to
      // hear on which knowledge it refuses for good.
      if (refusal?.code === 'invalid_client' && isSame(before, known)) throw refusal;
    }
    throw new DatabaseUnavailable();
  }

  private remembered({ credentials }: ClientRequest): Knowledge | undefined {
    const client = this.clients.cached(credentials.clientId);
    const scopes = this.scopes.cached();
    return client === undefined || scopes === undefined ? undefined : { client, scopes, fresh: false };
  }

  private async fresh({ credentials }: ClientRequest): Promise<Knowledge> {
    const [client, scopes] = await Promise.all([this.clients.load(credentials.clientId), this.scopes.load()]);
    return { client, scopes, fresh: true };
  }

  /** A refusal rests on what was just read: a client that exists is remembered. */
  private failed(clientId: string, address: string | undefined): number {
    return this.limits.failed(clientId, this.clients.cached(clientId) !== undefined, address);
  }

  /** Records a refusal and gives the error to answer with: itself, or 429 once its sender has failed too often. */
  private async refused(
    error: OAuthError,
    action: AuditAction,
    origin: RequestOrigin,
    clientId: string | undefined,
    details?: Readonly<Record<string, unknown>>,
  ): Promise<OAuthError> {
    const wait = error.code === 'invalid_client' ? this.failed(clientId ?? '', origin.ipAddress) : 0;
    const answer = wait === 0 ? error : temporarilyUnavailable(429, wait, error);
    const refusal: AuditRefusal = {
      action,
      actorClientId: clientId,
      targetType: clientId === undefined ? undefined : 'client',
      targetId: clientId,
      origin,
      details: { reason: answer.reason, ...answer.auditDetails, ...details },
      error: answer.code,
    };
    // Statistics are of the token endpoint alone (http-api.md "Fine print").
    const counts = action === 'token.denied' ? this.counts : undefined;
    if (answer.status === 429) {
      this.audit.countRefusal(refusal);
      counts?.countLater(answer.code);
    } else {
      // Both become durable at the same time; counting never fails.
      const counted = counts?.count(answer.code);
      await this.audit.recordRefusal(refusal);
      await counted;
    }
    return answer;
  }
}

/** Whether both are of one version of the client and of the scope registry: what was decided on the one holds for the other. */
function isSame(one: Knowledge, other: Knowledge): boolean {
  return one.client?.version === other.client?.version && one.scopes.version === other.scopes.version;
}
