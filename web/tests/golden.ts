/** The run that the Python tests read too: four queries, six documents, two maps. */
import { readFileSync } from 'node:fs';
import { type Page, readPayload } from '../src/contract';

export const GOLDEN = readFileSync(new URL('../../tests/golden/page.json', import.meta.url), 'utf8');

export const golden = (): Promise<Page> => readPayload(GOLDEN);
