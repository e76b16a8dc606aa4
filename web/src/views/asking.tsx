/** The requests of the live view. The token stays in this tab: it is no cookie, and leaves the address at once. */
import { useMemo, useRef, useState } from 'preact/hooks';
import type { LiveAnswer, LiveMoved, LiveWords } from '../contract';
import { LiveError, refusalOf } from '../model/live';

const KEY = 'embedscope-token';

/** Takes the token out of the address. */
export function takeToken(window: Window): void {
  const { search, hash, pathname, protocol } = window.location;
  const token = protocol === 'file:' ? null : new URLSearchParams(search).get('token');
  if (token === null) return;
  window.sessionStorage.setItem(KEY, token);
  window.history.replaceState(null, '', `${pathname}${hash}`);
}

interface Questions {
  search: [{ text: string; k?: number; edited?: string }, LiveAnswer];
  score: [{ text: string; document: string; row: number }, LiveMoved];
  words: [{ text: string; first: number; second: number }, LiveWords];
}

/** The answer to a question; a `LiveError` says why there is none. */
export async function ask<Name extends keyof Questions>(
  name: Name,
  fields: Questions[Name][0],
  signal: AbortSignal,
): Promise<Questions[Name][1]> {
  const response = await fetch(`/api/${name}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}` },
    body: JSON.stringify(fields),
    signal,
  }).catch(() => {
    throw new LiveError('The server does not answer. Start it again, and open the address that it prints.');
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new LiveError(refusalOf(response.status, String(answer.error ?? response.statusText)));
  return answer;
}

/** One request at a time: a later one takes the place of an earlier one. */
export function useRequest() {
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  const running = useRef<AbortController | null>(null);
  const acts = useMemo(() => {
    const end = () => running.current?.abort();
    const begin = <T,>(asked: (signal: AbortSignal) => Promise<T>, onAnswer: (answer: T) => void) => {
      end();
      const own = new AbortController();
      running.current = own;
      setBusy(true);
      setFault(null);
      asked(own.signal)
        .then((answer) => !own.signal.aborted && onAnswer(answer))
        .catch((error) => !own.signal.aborted && setFault(error instanceof LiveError ? error.message : String(error)))
        .finally(() => running.current === own && setBusy(false));
    };
    return { begin, end, refuse: setFault };
  }, []);
  return { isBusy, fault, ...acts };
}

/** Why there is no answer. */
export function Fault({ text }: { text: string | null }) {
  return text === null ? null : (
    <p class="live-fault" role="alert">
      {text}
    </p>
  );
}
