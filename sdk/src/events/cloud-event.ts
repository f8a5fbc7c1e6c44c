/** A CloudEvent 1.0 in structured mode. */
export interface CloudEvent<Data = unknown> {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject?: string;
  time?: string;
  datacontenttype?: string;
  dataschema?: string;
  data?: Data;
  data_base64?: string;
  [extension: string]: unknown;
}

/** Whether a parsed body is a CloudEvent. @internal */
export function isCloudEvent(body: unknown): body is CloudEvent {
  if (typeof body !== 'object' || body === null) return false;
  const { specversion, id, source, type } = body as Record<string, unknown>;
  return specversion === '1.0' && [id, source, type].every((text) => typeof text === 'string' && text !== '');
}
