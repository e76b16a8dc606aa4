/** The run that the Python tests read too: four queries, six documents, two maps. */
import { readFileSync } from 'node:fs';
import { type Page, readPayload } from '../src/contract';

export const GOLDEN = readFileSync(new URL('../../tests/golden/page.json', import.meta.url), 'utf8');

export const golden = (): Promise<Page> => readPayload(GOLDEN);

/** The same run as one of two candidates, and as the last checkpoint of a training. */
export const goldenOf = (name: 'compare' | 'training'): Promise<Page> =>
  readPayload(readFileSync(new URL(`../../tests/golden/${name}.json`, import.meta.url), 'utf8'));
