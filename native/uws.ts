/**
 * The one place that loads uWebSockets.js: as installed where that loads, else the copy that
 * `native/install.mjs` makes for glibc older than 2.38. Each thread that needs it calls
 * `loadUws()`; the main thread calls it first, because the header limit belongs to the process.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type * as Declared from 'uWebSockets.js';
import { GatewayError } from '../src/errors.js';
import { packageRoot } from './package-root.js';

export type { HttpRequest, HttpResponse, us_listen_socket } from 'uWebSockets.js';

/** What `index.d.ts` declares, with the parts it leaves out or has wrong. */
export type Uws = Omit<typeof Declared, 'App' | 'SSLApp'> & {
  App(options?: Declared.AppOptions): UwsApp;
  SSLApp(options: Declared.AppOptions): UwsApp;
  /** 'silent' removes the `uWebSockets` response header, for the calling thread. */
  _cfg(key: 'silent'): void;
};

export type UwsApp = Omit<Declared.TemplatedApp, 'filter'> & {
  /**
   * Called for each connection when it opens (`count` 1) and when it is gone (`count` -1).
   * The response is not one to answer with: only its address getters and `close()` may be used.
   */
  filter(callback: (connection: Declared.HttpResponse, count: number) => void): UwsApp;
};

export interface UwsOptions {
  /** Bytes of a request's whole head; more is answered 431. Without it uWS allows 4,096. */
  readonly maxHeaderBytes?: number;
}

const HEADER_LIMIT = 'UWS_HTTP_MAX_HEADERS_SIZE'; // read once per process, as the binary loads
const BINARY = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
const require = createRequire(import.meta.url);

interface Checksums {
  readonly before: string; // as published
  readonly after: string; // of the copy
}

let loaded: Uws | undefined; // one per thread
let loadedCopy = false; // it is the copy, whose checksum has been compared

/**
 * uWebSockets.js for this thread, set to send no `uWebSockets` header of its own.
 *
 * The first load in the process fixes `maxHeaderBytes` for all threads. A worker's environment
 * is a copy that native code does not see, so the main thread has to load first.
 * @throws GatewayError GW_NATIVE_UNSUPPORTED: no binary loads here; the message names ways out.
 * @throws GatewayError GW_CONFIG_INVALID: another limit than the process already has.
 */
export function loadUws(options: UwsOptions = {}): Uws {
  setHeaderLimit(options.maxHeaderBytes);
  if (loaded) return loaded;
  loaded = requireUws();
  loaded._cfg('silent');
  return loaded;
}

/**
 * Whether what `loadUws` has loaded is a binary whose memory we know, by its checksum. False of other
 * versions, as the upstream package may be.
 */
export function uwsBinaryIsKnown(): boolean {
  if (loadedCopy) return true;
  const folder = path.dirname(require.resolve('uWebSockets.js'));
  return checksumOf(path.join(folder, BINARY)) === knownChecksums()?.before;
}

function setHeaderLimit(bytes: number | undefined): void {
  if (bytes === undefined || process.env[HEADER_LIMIT] === String(bytes)) return;
  if (loaded || !isMainThread) {
    const detail = `header limit ${bytes}: one process has one, set by its main thread's first load`;
    throw new GatewayError('GW_CONFIG_INVALID', detail);
  }
  process.env[HEADER_LIMIT] = String(bytes);
}

function requireUws(): Uws {
  try {
    return require('uWebSockets.js') as Uws;
  } catch (reason) {
    return requireCopy(reason);
  }
}

/** @param reason why the installed package did not load: kept as the cause. */
function requireCopy(reason: unknown): Uws {
  const native = path.join(packageRoot(), 'native');
  const folder = path.join(native, 'build', 'uWebSockets.js');
  const file = path.join(folder, BINARY);
  const known = knownChecksums();
  if (!known) {
    throw unsupported(`there is no build of it for ${BINARY} and this system's libraries`, reason);
  }
  if (!existsSync(file)) {
    throw unsupported(`its copy is missing: run \`node native/install.mjs\``, reason);
  }
  if (checksumOf(file) !== known.after) {
    throw unsupported(`its copy has changed: run \`node native/install.mjs\``, reason);
  }
  try {
    const copy = require(path.join(folder, 'uws.js')) as Uws;
    loadedCopy = true;
    return copy;
  } catch (cause) {
    throw unsupported('neither the package nor its copy loads', cause);
  }
}

function knownChecksums(): Checksums | undefined {
  const file = path.join(packageRoot(), 'native', 'uws-checksums.json');
  const checksums = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<string, Checksums>>;
  return checksums[BINARY];
}

function checksumOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function unsupported(why: string, cause: unknown): GatewayError {
  const detail =
    `uWebSockets.js does not load here: ${why}. Ways out: Node 20, 22 or 24 on x64 Linux; ` +
    'glibc 2.38 or newer (Debian 13, Ubuntu 24.04); or the upstream package under that name';
  return new GatewayError('GW_NATIVE_UNSUPPORTED', detail, { cause });
}
