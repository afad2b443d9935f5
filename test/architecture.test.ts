/** The layer rule, executable: a module may import its own folder and the rows below its row. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import ts from 'typescript';

/**
 * Top row first. A file at the top of src/ is a layer of its own: `errors.ts` is 'errors'. So is a sub-folder that
 * has a place here; another belongs to the folder it is in.
 */
const ROWS: readonly (readonly string[])[] = [
  ['cli'],
  ['commands'],
  ['headgate'],
  ['control'],
  ['worker'],
  ['edge/http'],
  ['edge/reach', 'shard'],
  ['shard/intake'],
  ['shard/holdings'],
  ['cluster', 'admission'],
  ['origin', 'catalog'],
  ['protocol', 'arena'],
  ['rules'],
  ['runtime', 'telemetry'],
  ['media', 'http'],
  ['config'],
  ['errors'],
  ['web'],
];

/** Which layers may import a file outside src/; what is not named here is for its own folder. */
const OUTSIDE: Readonly<Record<string, readonly string[]>> = {
  'native/uws': ['edge/http', 'worker', 'headgate'], // headgate: the process's first load is the main thread's
  'native/addon': [
    'arena',
    'origin',
    'runtime',
    'edge/http',
    'worker',
    'control',
    'headgate',
    'cli',
  ],
  'native/package-root': ['headgate'],
};

t.test('every file of src/ belongs to a layer', (t) => {
  for (const file of sources('src')) t.ok(rowOf(layerOf(file)) >= 0, file);
  t.end();
});

t.test('imports of src/ point down the layers', (t) => {
  for (const { file, target } of imports('src')) {
    t.ok(allowed(layerOf(file), target), `${file} -> ${target}`);
  }
  t.end();
});

t.test('native/ imports itself and the errors', (t) => {
  for (const { file, target } of imports('native')) {
    t.ok(target.startsWith('native/') || target === 'src/errors', `${file} -> ${target}`);
  }
  t.end();
});

t.test('thread entries import src/ and native/ only', (t) => {
  for (const { file, target } of imports('workers')) {
    t.ok(/^(src|native)\//.test(target), `${file} -> ${target}`);
  }
  t.end();
});

t.test('the rule refuses what it should', (t) => {
  const rows = [
    ['http', 'src/errors', true, 'down'],
    ['edge/http', 'src/http/range', true, 'down over several rows'],
    ['edge/http', 'src/edge/http/answer/x', true, 'its own folder'],
    ['edge/http', 'src/edge/reach/x', true, 'a folder below its own'],
    ['edge/reach', 'src/edge/http/x', false, 'a folder above its own'],
    ['shard/holdings', 'src/shard/shard', false, 'up to what it is in'],
    ['http', 'src/rules/policy', false, 'up'],
    ['http', 'src/media/kind', false, 'a sibling of its row'],
    ['config', 'src/elsewhere/x', false, 'no layer'],
    ['edge/http', 'workers/edge', false, 'a thread entry'],
    ['headgate', 'workers/edge', false, 'that the composition root starts by its name'],
    ['edge/http', 'test/support/x', false, 'a test'],
    ['edge/http', 'native/uws', true, 'the loader belongs to the front'],
    ['shard', 'native/uws', false, 'and to nobody else'],
    ['arena', 'native/addon', true, 'named'],
    ['http', 'native/addon', false, 'not named'],
    ['edge/http', 'native/package-root', false, 'internal to native/'],
  ] as const;
  for (const [layer, target, want, why] of rows) t.equal(allowed(layer, target), want, why);
  t.end();
});

/** @param target path from the top of the repository, without its extension */
function allowed(layer: string, target: string): boolean {
  if (!target.startsWith('src/')) return OUTSIDE[target]?.includes(layer) ?? false;
  const to = layerOf(target);
  return to === layer || (rowOf(layer) >= 0 && rowOf(to) > rowOf(layer));
}

function rowOf(layer: string): number {
  return ROWS.findIndex((row) => row.includes(layer));
}

/** 'src/arena/lease.ts', 'src/edge/http/answer/x.ts' and 'src/errors.ts' give 'arena', 'edge/http' and 'errors'. */
function layerOf(file: string): string {
  const [, folder = '', inner = ''] = file.split('/');
  const inside = `${folder}/${inner}`;
  return rowOf(inside) >= 0 ? inside : path.parse(folder).name;
}

/** Each relative import of a folder's modules, type-only and dynamic ones included. */
function imports(folder: string): { file: string; target: string }[] {
  return sources(folder).flatMap((file) =>
    ts
      .preProcessFile(readFileSync(file, 'utf8'))
      .importedFiles.map(({ fileName }) => fileName)
      .filter((name) => name.startsWith('.'))
      .map((name) => path.posix.join(path.posix.dirname(file), name))
      .map((name) => ({ file, target: name.replace(/\.js$/, '') })),
  );
}

function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.startsWith('build/'))
    .map((name) => path.posix.join(folder, name));
}
