import { ArrayMaxSize, IsArray, IsString, ValidateIf } from 'class-validator';
import { isSent } from '../../http/index.js';
import { isUuid } from '../../identifiers/index.js';
import { badRequest, type ProblemFault } from '../../protocol/index.js';

/** Most identifiers of each kind in one request. */
export const maxAcks = 1000;

/** Body of `POST /events/ack`. What the lists hold is checked item by item, so that a fault can name the item. */
export class AckBody {
  @IsString()
  subscription_id: string;

  @ValidateIf(isSent)
  @IsArray()
  @ArrayMaxSize(maxAcks)
  acks?: readonly unknown[];

  @ValidateIf(isSent)
  @IsArray()
  @ArrayMaxSize(maxAcks)
  nacks?: readonly unknown[];
}

/** What became of events, by the identifiers of their deliveries or their own. */
export interface Acknowledgement {
  readonly subscriptionId: string;
  /** Received. */
  readonly acks: ReadonlySet<string>;
  /** Refused for good. */
  readonly nacks: ReadonlySet<string>;
}

/**
 * Reads an acknowledgement.
 *
 * @throws Problem 400 with the pointer of each bad member
 */
export function readAcknowledgement(body: AckBody): Acknowledgement {
  const faults: ProblemFault[] = [];
  const subscriptionId = body.subscription_id.toLowerCase();
  if (!isUuid(subscriptionId)) faults.push({ pointer: '/subscription_id', detail: 'must be a UUID' });
  if (body.acks === undefined && body.nacks === undefined) faults.push({ pointer: '/acks', detail: 'is required' });
  const identifiers = (member: 'acks' | 'nacks'): Set<string> => {
    const items = (body[member] ?? []).map((item) => (typeof item === 'string' ? item.toLowerCase() : ''));
    for (const [index, item] of items.entries()) {
      if (!isUuid(item)) faults.push({ pointer: `/${member}/${index}`, detail: 'must be a UUID' });
    }
    return new Set(items);
  };
  const [acks, nacks] = [identifiers('acks'), identifiers('nacks')];
  for (const [index, item] of [...nacks].entries()) {
    if (acks.has(item) && isUuid(item)) faults.push({ pointer: `/nacks/${index}`, detail: 'is acknowledged, too' });
  }
  if (faults.length > 0) throw badRequest(faults);
  return { subscriptionId, acks, nacks };
}
