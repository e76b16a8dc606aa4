/** Opens the report that stands in the page. */
import { render } from 'preact';
import { connectParent } from './bridge';
import { PayloadError, readLive, readMigration, readPayload, readSets } from './contract';
import { createStore } from './state';
import './style.css';
import { App } from './views/app';
import { takeToken } from './views/asking';
import { LivePage } from './views/livepage';
import { MigrationPage } from './views/migration';
import { SetsPage } from './views/sets';

/** Draws the report of a payload (JSON text) into an element. */
export async function mount(element: HTMLElement, json: string): Promise<void> {
  try {
    const sets = readSets(json);
    if (sets) {
      element.replaceChildren();
      render(<SetsPage report={sets} />, element);
      return;
    }
    const migration = readMigration(json);
    if (migration) {
      element.replaceChildren();
      render(<MigrationPage {...migration} />, element);
      return;
    }
    const live = readLive(json);
    if (live) {
      element.replaceChildren();
      render(<LivePage facts={live} />, element);
      return;
    }
    const page = await readPayload(json);
    const store = createStore(page, window);
    connectParent(store, window);
    const draw = (isPrinting: boolean) => render(<App store={store} isPrinting={isPrinting} />, element);
    element.replaceChildren();
    draw(false);
    const root = document.documentElement;
    let theme: string | null = null;
    addEventListener('beforeprint', () => {
      theme = root.getAttribute('data-theme');
      root.setAttribute('data-theme', 'light'); // paper is light, and pictures are drawn while the screen may be dark
      draw(true);
    });
    addEventListener('afterprint', () => {
      if (theme === null) root.removeAttribute('data-theme');
      else root.setAttribute('data-theme', theme);
      draw(false);
    });
  } catch (error) {
    const line = document.createElement('p');
    line.className = 'opening';
    line.setAttribute('role', 'alert');
    line.textContent =
      error instanceof PayloadError
        ? error.message
        : `The data in this file cannot be read (${error}). It may have been cut short; draw the report again.`;
    element.replaceChildren(line);
  }
}

const element = document.getElementById('app');
const payload = document.getElementById('embedscope-payload');
takeToken(window);
if (element && payload) void mount(element, payload.textContent ?? '');
