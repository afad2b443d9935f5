/**
 * `npm run smoke`: the built project on each other version of Node that it supports. Each gets a copy of what
 * is built, with the addon made for it, and runs a part of the tests: what binds to V8, and what players do.
 * The last line counts, as `.ci/run` does.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.resolve(HERE, '../..');
const TESTS = [
  ...['native/uws', 'native/addon', 'native/request-head', 'arena/directory', 'runtime/mesh'],
  ...['integration/start-stop', 'integration/http-ranges', 'integration/http-vary'],
  ...['integration/slices', 'integration/pipelining', 'integration/shutdown'],
];
const PATIENCE_MS = 180_000;
/** npm tells what it starts of the Node that it runs on itself. */
const ENV = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_')),
  ),
  TAP_TIMEOUT: String(PATIENCE_MS / 1_000),
};

let passed = 0;
let failed = 0;
for (const name of ['node22', 'node24']) smoke(nodeOf(name));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

/** The binary that lies beside its headers: the addon is built with those. */
function nodeOf(name) {
  const packages = path.join(HERE, 'node_modules', name, 'node_modules');
  const platform = readdirSync(packages).find((one) => one.startsWith('node-linux-'));
  return path.join(packages, platform ?? '', 'bin', 'node');
}

function smoke(node) {
  const copy = mkdtempSync(path.join(ROOT, 'test/nodes/run-'));
  try {
    for (const name of ['dist', 'native', 'src', 'package.json']) {
      const filter = (file) => !file.startsWith(path.join(ROOT, 'native/build'));
      cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, filter });
    }
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    const run = (...args) =>
      spawnSync(node, args, { cwd: copy, env: ENV, encoding: 'utf8', timeout: PATIENCE_MS });
    console.log(version, run('native/install.mjs').stdout.trim());
    for (const test of TESTS) judge(`${version} ${test}`, run(`dist/test/${test}.test.js`));
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function judge(name, { status, stdout }) {
  const ok = stdout.match(/^ *ok \d+/gm)?.length ?? 0;
  const notOk = stdout.match(/^ *not ok \d+/gm)?.length ?? 0;
  passed += ok;
  // One that ends early fails, too, whatever it has said.
  const bad = status === 0 && ok > 0 ? notOk : Math.max(1, notOk);
  failed += bad;
  if (bad === 0) console.log(`  ${name}: ${ok}`);
  else console.log(`  ${name}: ${bad} failed\n${stdout}`);
}
