import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isNotModified } from '../protocol/index.js';
import { mediaTypes } from './error-response.js';
import { headerFault } from './header-fault.js';
import type { Traffic } from './traffic.js';

/** An answer that is the same for everybody, made once: JSON with an entity tag. */
export class PreparedDocument {
  /** Strong entity tag (RFC 9110 §8.8.3), quotes included. */
  readonly entityTag: string;

  /** @param body ASCII, so that Node.js sends it in one piece with the header */
  constructor(
    readonly body: string,
    readonly cacheControl: string,
  ) {
    this.entityTag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  }

  /** Whether the asker has it already (RFC 9110 §13.1.2). */
  isKnownTo(ifNoneMatch: string | undefined): boolean {
    return isNotModified(ifNoneMatch, this.entityTag);
  }
}

/**
 * Documents that are asked for so often that they are answered before the framework sees the request: `GET`, no body, exactly
 * their path. Every other request for them takes the ordinary way, through the controller that declares the route.
 */
export class PreparedDocuments {
  private readonly current = new Map<string, () => PreparedDocument>();

  /** From now on `GET path` answers with what `current` gives. */
  serve(path: string, current: () => PreparedDocument): void {
    this.current.set(path, current);
  }

  /**
   * Makes the function that answers a request for a prepared document, and says whether it did.
   *
   * @param fixedHeaders what every answer carries
   * @param requestId names the request
   */
  lane(
    fixedHeaders: Readonly<Record<string, string>>,
    requestId: (incoming: string | string[] | undefined) => string,
    traffic: Traffic,
  ): (request: IncomingMessage, response: ServerResponse) => boolean {
    const fixed = Object.entries(fixedHeaders).flat();
    return (request, response) => {
      const { headers } = request;
      if (
        request.method !== 'GET' ||
        headerFault(request) !== undefined ||
        headers['content-length'] !== undefined ||
        headers['transfer-encoding'] !== undefined
      ) {
        return false;
      }
      const path = request.url ?? '';
      const document = this.current.get(path)?.();
      if (document === undefined) return false;
      const begin = performance.now();
      const { body, entityTag, cacheControl } = document;
      const common = [
        ...fixed,
        'x-request-id',
        requestId(headers['x-request-id']),
        'cache-control',
        cacheControl,
        'etag',
        entityTag,
      ];
      if (document.isKnownTo(headers['if-none-match'])) {
        response.writeHead(304, common).end();
      } else {
        response
          .writeHead(200, [...common, 'content-type', mediaTypes.json, 'content-length', String(body.length)])
          .end(body);
      }
      traffic.route('GET', path).answered(response.statusCode, performance.now() - begin);
      return true;
    };
  }
}
