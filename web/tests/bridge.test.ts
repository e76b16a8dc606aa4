import { describe, expect, it } from 'vitest';
import { CONNECT, commandFrom, connectParent, type Framed, follow, READY } from '../src/bridge';
import { createStore } from '../src/state';
import { golden } from './golden';

const quietWindow = {
  location: { hash: '' },
  history: { pushState: () => {}, replaceState: () => {} },
  addEventListener: () => {},
} as unknown as Window;

const storeOf = async () => createStore(await golden(), quietWindow);

/** A port that keeps what is said, and hands in what a notebook says. */
function fakePort() {
  const said: unknown[] = [];
  const port = { postMessage: (message: unknown) => said.push(message), onmessage: null } as unknown as MessagePort;
  const say = (data: unknown) => port.onmessage?.({ data } as MessageEvent);
  return { port, said, say };
}

describe('a command', () => {
  it('selects queries by their ids, in the order of the table, and those only', async () => {
    const page = await golden();
    expect(commandFrom({ type: 'select', ids: ['q2', 'q0', 'nobody'] }, page)).toEqual({ select: [0, 2] });
  });

  it('opens and closes a query', async () => {
    const page = await golden();
    expect(commandFrom({ type: 'open', id: 'q1' }, page)).toEqual({ open: 1 });
    expect(commandFrom({ type: 'open', id: null }, page)).toEqual({ open: null });
  });

  it.each([null, 'select', 7, {}, { type: 'select' }, { type: 'select', ids: [1] }, { type: 'open', id: 'nobody' }])(
    '%j of another shape is none',
    async (data) => expect(commandFrom(data, await golden())).toBeNull(),
  );
});

describe('a page with a port', () => {
  it('shows the selection of the notebook in place of its own, and says nothing of it', async () => {
    const [store, { port, said, say }] = [await storeOf(), fakePort()];
    follow(store, port);
    store.setFacets({ outcome: 'failing' });
    said.length = 0;
    say({ type: 'select', ids: ['q2', 'q0'] });
    expect(Array.from(store.selection().rows)).toEqual([0, 2]);
    expect(store.get().facets).toMatchObject({ outcome: 'all', ids: [0, 2] });
    say({ type: 'select', ids: [] });
    expect(store.selection().isAll).toBe(true);
    expect(said).toEqual([]);
  });

  it('tells what the reader selects and opens, once for each change', async () => {
    const [store, { port, said }] = [await storeOf(), fakePort()];
    follow(store, port);
    store.setFacets({ outcome: 'failing' });
    store.set({ view: 'map' });
    store.set({ query: 2 });
    store.setFacets({ outcome: 'all' });
    expect(said).toEqual([
      { type: 'selected', ids: ['q1'] },
      { type: 'opened', id: 'q2' },
      { type: 'selected', ids: [] },
    ]);
  });

  it('opens a query where it can be seen', async () => {
    const [store, { port, say }] = [await storeOf(), fakePort()];
    follow(store, port);
    say({ type: 'open', id: 'q3' });
    expect(store.get()).toMatchObject({ view: 'queries', query: 3 });
  });

  it('keeps the selection of a notebook out of its address', async () => {
    const location = { hash: '' };
    const write = (_state: unknown, _title: string, hash: string) => {
      location.hash = hash;
    };
    const window = { location, history: { pushState: write, replaceState: write }, addEventListener: () => {} };
    const store = createStore(await golden(), window as unknown as Window);
    store.setFacets({ ids: [0, 2] });
    expect(location.hash).toBe('#verdict');
  });
});

describe('a page in a frame', () => {
  const framed = (protocol: string) => {
    const said: unknown[] = [];
    const listeners: ((event: MessageEvent) => void)[] = [];
    const parent = { postMessage: (message: unknown) => said.push(message) };
    const window = {
      location: { protocol },
      parent,
      addEventListener: (_: string, heard: never) => listeners.push(heard),
    };
    return { window: window as unknown as Framed, parent, said, listeners };
  };

  it('is connected by its parent alone', async () => {
    const { window, parent, said, listeners } = framed('about:');
    const [store, { port, say }] = [await storeOf(), fakePort()];
    connectParent(store, window);
    expect(said).toEqual([READY]);
    const connect = (source: unknown) =>
      listeners[0]({ source, data: CONNECT, ports: [port] } as unknown as MessageEvent);
    connect({});
    say({ type: 'select', ids: ['q1'] });
    expect(store.selection().isAll).toBe(true);
    connect(parent);
    say({ type: 'select', ids: ['q1'] });
    expect(Array.from(store.selection().rows)).toEqual([1]);
  });

  it.each(['file:', 'https:'])('of the protocol %s speaks to nobody', async (protocol) => {
    const { window, said, listeners } = framed(protocol);
    connectParent(await storeOf(), window);
    expect([said, listeners]).toEqual([[], []]);
  });
});
