import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { defineConfig, type Plugin } from 'vite';

const root = import.meta.dirname;
const bundle = resolve(root, '../src/embedscope/output/page/bundle');
const SOURCES = ['package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts'];

/** SHA-256 over the digests and names of everything that the bundle is built from, as tests/report recomputes it. */
export function sourceHash(): string {
  const total = createHash('sha256');
  const folder = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join('/'));
  for (const name of [...SOURCES, ...folder].sort()) {
    const digest = createHash('sha256')
      .update(readFileSync(join(root, name)))
      .digest('hex');
    total.update(`${digest}  ${name}\n`);
  }
  return total.digest('hex');
}

/** Refuses a script that could end its own element, and writes the hash of the sources beside the bundle. */
function sealed(): Plugin {
  let folder = bundle;
  return {
    name: 'sealed',
    apply: 'build',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir); // another folder where a check rebuilds and compares
    },
    closeBundle() {
      const script = readFileSync(join(folder, 'embedscope.js'), 'utf8');
      if (/<\/script|<!--/i.test(script)) throw new Error('the script holds a tag that would end its own element');
      writeFileSync(join(folder, 'source.sha256'), `${sourceHash()}\n`);
    },
  };
}

export default defineConfig({
  root,
  plugins: [sealed()],
  build: {
    outDir: bundle,
    emptyOutDir: true,
    target: ['es2022', 'chrome103', 'firefox113', 'safari16.4'],
    cssCodeSplit: false,
    lib: {
      entry: resolve(root, 'src/main.tsx'),
      name: 'embedscope',
      formats: ['iife'],
      fileName: () => 'embedscope.js',
      cssFileName: 'embedscope',
    },
  },
});
