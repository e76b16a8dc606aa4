/** How the sources are built: short functions, imports in one direction, one palette, the words of the field. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import type { Node, SourceFile } from 'typescript/unstable/ast';
import { isFunctionLikeDeclaration, isIdentifier, isPropertyAccessExpression } from 'typescript/unstable/ast';
import { API } from 'typescript/unstable/sync';
import { afterAll, describe, expect, it } from 'vitest';

const MOST_LINES = 60;
/** Who may import whom: a layer those with a smaller number, and itself. */
const LAYERS: Record<string, number> = {
  schema: 0,
  contract: 1,
  model: 2,
  charts: 3,
  state: 3,
  bridge: 4,
  views: 4,
  main: 5,
};
/** Words of our own for what the field has a name for: an animation, a segment between checkpoints, ... */
const OWN_WORDS = /film|stretch|together|given|judged|(?<!re)course|told|house|(^|_)room|Room/;

const root = resolve(import.meta.dirname, '..');
const src = join(root, 'src');
const api = new API({ cwd: root });
const [project] = api.updateSnapshot({ openProjects: [join(root, 'tsconfig.json')] }).getProjects();
afterAll(() => api.close());

const names = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => name.split(sep).join('/'));

function sourceOf(name: string): SourceFile {
  const source = project.program.getSourceFile(join(src, name));
  if (!source) throw new Error(`${name} is no part of the project`);
  return source;
}

function nodesOf(source: SourceFile): Node[] {
  const found: Node[] = [];
  const visit = (node: Node) => {
    found.push(node);
    node.forEachChild(visit);
  };
  visit(source);
  return found;
}

/** The files of the project that a file imports. */
function importsOf(name: string): string[] {
  return sourceOf(name)
    .imports.map((node) => (node as Node & { text: string }).text)
    .filter((path) => path.startsWith('.') && !path.endsWith('.css'))
    .map((path) =>
      relative(src, resolve(src, dirname(name), path))
        .split(sep)
        .join('/'),
    )
    .map((path) => names.find((known) => known.replace(/\.tsx?$/, '') === path) ?? path);
}

const layerOf = (name: string) => name.split('/')[0].replace(/\.tsx?$/, '');

describe('every source', () => {
  it.each(names)('%s has no function longer than a screen', (name) => {
    const source = sourceOf(name);
    const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line;
    const long = nodesOf(source)
      .filter(isFunctionLikeDeclaration)
      .map((node) => ({ first: lineOf(node.getStart(source)), last: lineOf(node.end) }))
      .filter(({ first, last }) => last - first + 1 > MOST_LINES)
      .map(({ first, last }) => `line ${first + 1}: ${last - first + 1} lines`);
    expect(long).toEqual([]);
  });

  it.each(names)('%s imports only from the layers under its own', (name) => {
    const own = layerOf(name);
    const wrong = importsOf(name).filter((other) => layerOf(other) !== own && !(LAYERS[layerOf(other)] < LAYERS[own]));
    expect(wrong).toEqual([]);
  });

  // The names of schema.ts are those of the payload, which Python writes.
  it.each(names.filter((name) => name !== 'schema.ts'))('%s is written in the words of the field', (name) => {
    const declared = nodesOf(sourceOf(name)).filter(isIdentifier).filter(isDeclared);
    expect([basename(name), ...declared.map(({ text }) => text)].filter((word) => OWN_WORDS.test(word))).toEqual([]);
  });

  it.each(names)('%s has no colour of its own', (name) => {
    expect(readFileSync(join(src, name), 'utf8')).not.toMatch(/['"`]#[0-9a-f]{3,8}['"`]|rgba?\(\d/i);
  });
});

function isDeclared(node: Node): boolean {
  const { parent } = node;
  return (parent as Node & { name?: Node }).name === node && !isPropertyAccessExpression(parent);
}

describe('all sources', () => {
  it('import each other in no circle', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (name: string, path: string[]) => {
      if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(' -> '));
      if (path.includes(name) || done.has(name)) return;
      for (const other of importsOf(name)) walk(other, [...path, name]);
      done.add(name);
    };
    for (const name of names) walk(name, []);
    expect(circles).toEqual([]);
  });

  it('are measured: the parser finds their functions', () => {
    const n = nodesOf(sourceOf('charts/scatter.ts')).filter(isFunctionLikeDeclaration).length;
    expect(n).toBeGreaterThan(10);
  });
});

describe('the palette', () => {
  const css = readFileSync(join(src, 'style.css'), 'utf8');

  it('has every colour that the charts ask for', () => {
    const asked = names.flatMap((name) => readFileSync(join(src, name), 'utf8').match(/'--[a-z0-9-]+'/g) ?? []);
    expect([...new Set(asked)].filter((name) => !css.includes(`${name.slice(1, -1)}:`))).toEqual([]);
  });

  it('is the only place with colours', () => {
    const rules = css.slice(css.indexOf('*::before'), css.indexOf('@media print'));
    expect(rules).not.toMatch(/#[0-9a-f]{3,8}\b/i);
  });
});
