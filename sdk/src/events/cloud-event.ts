/** A CloudEvent 1.0 in structured mode. */
export interface CloudEvent<Data = unknown> {
  readonly specversion: '1.0';
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject?: string;
  readonly time?: string;
  readonly datacontenttype?: string;
  readonly dataschema?: string;
  readonly data?: Data;
  readonly data_base64?: string;
  readonly [extension: string]: unknown;
}

/** Whether a parsed body is a CloudEvent. @internal */
export function isCloudEvent(body: unknown): body is CloudEvent {
  if (typeof body !== 'object' || body === null) return false;
  const { specversion, id, source, type } = body as Record<string, unknown>;
  return specversion === '1.0' && [id, source, type].every((text) => typeof text === 'string' && text !== '');
}
