/** The page of a server without a report: the live view alone. */
import type { LiveFacts } from '../contract';
import { runLabel, shorten } from '../model/format';
import { ThemeButton } from './app';
import { Live } from './live';

export function LivePage({ facts }: { facts: LiveFacts }) {
  return (
    <div class="page view-live">
      <header class="top">
        <p class="brand">
          <bdi>{shorten(runLabel(facts.model), 48)}</bdi>
        </p>
        <ThemeButton />
      </header>
      <main tabIndex={-1} aria-label="Try">
        <Live facts={facts} store={null} />
      </main>
    </div>
  );
}
