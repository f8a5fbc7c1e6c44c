import type { CloudEvent } from './cloud-event.js';

/** Works on one event. A rejection makes it come again. */
export type EventHandler = (event: CloudEvent, delivery: { readonly id: string }) => void | Promise<void>;

/** Whether `type` is meant by `pattern`: itself, `a.*` for all below `a`, or `*`. */
export function isOfType(pattern: string, type: string): boolean {
  return pattern === '*' || pattern === type || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1)));
}

/** Calls every handler whose pattern fits, one after the other. @internal */
export async function handle(
  handlers: Readonly<Record<string, EventHandler>>,
  event: CloudEvent,
  id: string,
): Promise<void> {
  for (const [pattern, handler] of Object.entries(handlers)) {
    if (isOfType(pattern, event.type)) await handler(event, { id });
  }
}
