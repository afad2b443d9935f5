/**
 * What `npm ci` runs for this package: makes uWebSockets.js loadable and builds the addon.
 * The addon is optional, so its failure is one line; without uWebSockets.js nothing works, so
 * that failure ends the install. Run again after changing Node: `node native/install.mjs`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { retargetPackage } from './retarget-uws.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

buildAddon(); // first: node-gyp may clean the folder that the copy goes to
prepareUws();

function prepareUws() {
  const installed = require.resolve('uWebSockets.js');
  if (loads(installed)) return say('uWebSockets.js loads as installed');
  const to = path.join(here, 'build', 'uWebSockets.js');
  try {
    retargetPackage({ from: path.dirname(installed), to });
  } catch (error) {
    return fail(error.message);
  }
  if (!loads(path.join(to, 'uws.js'))) return fail('the copy made for older glibc does not load');
  say('uWebSockets.js needs a newer glibc: made a copy that loads here, in native/build');
}

/** In a process of its own, so that a bad binary cannot take the install down with it. */
function loads(file) {
  const code = 'require(process.argv[1])';
  return spawnSync(process.execPath, ['-e', code, file], { stdio: 'ignore' }).status === 0;
}

function buildAddon() {
  try {
    const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
    const args = ['configure', 'build', '--directory', here, '--loglevel=error', ...headers()];
    // Twice the time a slow machine takes; the addon is not worth a hanging install.
    const options = { stdio: ['ignore', 'pipe', 'pipe'], timeout: 180_000, encoding: 'utf8' };
    execFileSync(process.execPath, [nodeGyp, ...args], options);
    say('built the optional addons');
  } catch (error) {
    if (process.env.HEADGATE_INSTALL_VERBOSE) process.stderr.write(`${error.stderr ?? error}\n`);
    say('could not build the optional addons; everything works without it');
  }
}

/** Node's own headers where they lie beside it: then node-gyp has nothing to download. */
function headers() {
  const prefix = path.dirname(path.dirname(process.execPath));
  const local = existsSync(path.join(prefix, 'include', 'node', 'node.h'));
  return local && !process.env.npm_config_nodedir ? [`--nodedir=${prefix}`] : [];
}

function say(text) {
  process.stdout.write(`headgate: ${text}\n`);
}

function fail(reason) {
  process.stderr.write(
    `headgate: uWebSockets.js does not load here: ${reason}\n` +
      'headgate: ways out: Node 20, 22 or 24 on x64 Linux; glibc 2.38 or newer (Debian 13, ' +
      'Ubuntu 24.04); or the upstream package, installed as uWebSockets.js\n',
  );
  process.exitCode = 1;
}
