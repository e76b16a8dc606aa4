// Writes src/schema.ts, the types of the payload, from the JSON Schema that Python validates with.
import { readFileSync, writeFileSync } from 'node:fs';
import { compile } from 'json-schema-to-typescript';

const schemaFile = new URL('../../src/embedscope/output/page/schema.json', import.meta.url);
const typesFile = new URL('../src/schema.ts', import.meta.url);

export async function typesOfSchema() {
  const schema = JSON.parse(readFileSync(schemaFile, 'utf8'));
  return compile(schema, 'Payload', {
    additionalProperties: false,
    unknownAny: true,
    unreachableDefinitions: true,
    bannerComment: '// Generated from src/embedscope/output/page/schema.json by `npm run types`. Do not edit.',
    style: { singleQuote: true, printWidth: 120 },
  });
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  writeFileSync(typesFile, await typesOfSchema());
}
