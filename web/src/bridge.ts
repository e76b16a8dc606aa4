/**
 * Messages between the page in a frame and the notebook around it: what is selected and open, both ways.
 *
 * Only a page whose text its parent wrote into the frame (`srcdoc`) speaks: that parent has the data already. It says
 * that it is there, is given a port of its own, and from then on uses and hears that port alone.
 */
import type { Page } from './contract';
import { NO_FACETS } from './model/selection';
import type { Store } from './state';

export const READY = 'embedscope-ready';
export const CONNECT = 'embedscope-connect';

/** The part of a window that is needed here. */
export interface Framed {
  location: { protocol: string };
  parent: { postMessage(message: unknown, target: string): void } | Framed;
  addEventListener(name: 'message', listener: (event: MessageEvent) => void): void;
}

/** What a notebook asks for: queries to select (all where there are none), or a query to open (null to close it). */
export type Command = { select: number[] } | { open: number | null };

/** Waits for the parent of a page in a frame to connect; does nothing in a page of its own. */
export function connectParent(store: Store, window: Framed): void {
  const { parent } = window;
  if (parent === window || window.location.protocol !== 'about:') return;
  window.addEventListener('message', (event) => {
    const [port] = event.ports;
    if (event.source === parent && event.data === CONNECT && port) follow(store, port);
  });
  (parent as { postMessage(message: unknown, target: string): void }).postMessage(READY, '*');
}

/**
 * Obeys what comes in at the port, and tells it of each change of the selection and of the open query that is not its
 * own: two that echo each other's commands would never agree.
 */
export function follow(store: Store, port: Pick<MessagePort, 'postMessage' | 'onmessage'>): void {
  const { ids } = store.page.queries;
  let { selection, query } = { selection: store.selection(), query: store.get().query };
  let isObeying = false;
  store.subscribe(() => {
    const [before, openBefore] = [selection, query];
    selection = store.selection();
    query = store.get().query;
    if (isObeying) return;
    if (selection !== before) {
      const rows = selection.isAll ? [] : Array.from(selection.rows);
      port.postMessage({ type: 'selected', ids: rows.map((row) => ids[row]) });
    }
    if (query !== openBefore) port.postMessage({ type: 'opened', id: query === null ? null : ids[query] });
  });
  port.onmessage = ({ data }: MessageEvent) => {
    const command = commandFrom(data, store.page);
    isObeying = true;
    if (command && 'select' in command) {
      const isSome = command.select.length > 0;
      store.set({ facets: isSome ? { ...NO_FACETS, ids: command.select } : NO_FACETS });
    } else if (command) {
      const isShown = command.open === null || ['map', 'queries', 'compare', 'training'].includes(store.get().view);
      store.set({ query: command.open, ...(isShown ? {} : { view: 'queries' as const }) });
    }
    isObeying = false;
  };
}

/** The command in a message, rows ascending; null where it has another shape. Ids of no query are left out. */
export function commandFrom(data: unknown, page: Page): Command | null {
  if (typeof data !== 'object' || data === null) return null;
  const { type, ids, id } = data as { [name: string]: unknown };
  const known = page.queries.ids;
  if (type === 'select' && Array.isArray(ids) && ids.every((each) => typeof each === 'string')) {
    const wanted = new Set<string>(ids);
    return { select: [...known.keys()].filter((row) => wanted.has(known[row])) };
  }
  if (type === 'open' && id === null) return { open: null };
  if (type === 'open' && typeof id === 'string' && known.includes(id)) return { open: known.indexOf(id) };
  return null;
}
