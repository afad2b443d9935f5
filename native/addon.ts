/**
 * The optional addon behind one typed file. Where it was not built or does not load, every call
 * answers as a system without the feature would, and `addonAbsence()` says why, for one log line.
 * Each thread that imports this loads it; it keeps no state.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageRoot } from './package-root.js';

/** A connection whose last bytes came from the client, with no answer sent since. */
export interface UnansweredConnection {
  readonly fd: number; // with `inode` and `peerPort`: what `shutdownSocket` needs
  readonly inode: number; // tells this socket from a later one with the same descriptor
  readonly peerPort: number;
  readonly bytesReceived: number; // since it was accepted
  readonly bytesSent: number; // since it was accepted, retransmissions included
  readonly lastReceivedMs: number; // ago
  readonly lastSentMs: number; // ago; since it was accepted when nothing was ever sent
}

interface Addon {
  pinThreadToCore(core: number): boolean;
  threadCores(): number[];
  threadCpuTimeUs(): number;
  adviseHugePages(view: Uint8Array): boolean;
  unansweredConnections(localPort: number, silentForMs: number): UnansweredConnection[];
  shutdownSocket(fd: number, inode: number, peerPort: number): boolean;
  setListenSocketBuffers(
    localPort: number,
    sendBufferBytes: number,
    lowat: number,
    receiveBufferBytes: number,
  ): number;
}

// V8 has no longer typed arrays than this; a multiple of the huge page's 2 MiB.
const VIEW_BYTES = 2 ** 30;
const { addon, absence } = load();

/** Why the addon is absent; undefined when it is there. */
export function addonAbsence(): string | undefined {
  return absence;
}

/** Binds the calling thread to one core. False: no such core for us, or no way to ask. */
export function pinThreadToCore(core: number): boolean {
  return addon?.pinThreadToCore(core) ?? false;
}

/** The numbers of the cores that the calling thread may run on; empty when that is not known. */
export function threadCores(): readonly number[] {
  return addon?.threadCores() ?? [];
}

/** CPU time of the calling thread since it began, in microseconds; undefined without the addon. */
export function threadCpuTimeUs(): number | undefined {
  return addon?.threadCpuTimeUs();
}

/** Asks for huge pages under the whole buffer. False when any part was refused. */
export function adviseHugePages(buffer: SharedArrayBuffer): boolean {
  if (!addon || buffer.byteLength === 0) return false;
  let taken = true;
  for (let at = 0; at < buffer.byteLength; at += VIEW_BYTES) {
    const length = Math.min(VIEW_BYTES, buffer.byteLength - at);
    taken = addon.adviseHugePages(new Uint8Array(buffer, at, length)) && taken;
  }
  return taken;
}

/**
 * The whole process's connections on `localPort` that sent us something after our last answer,
 * where that is at least `silentForMs` ago: slow requests, slow uploads and requests that wait for
 * their answer, which two looks some time apart tell from each other. Undefined without the addon.
 * Costs about 2 µs for each open descriptor, so it is for the main thread and every few seconds.
 */
export function unansweredConnections(
  localPort: number,
  silentForMs: number,
): readonly UnansweredConnection[] | undefined {
  return addon?.unansweredConnections(localPort, silentForMs);
}

/**
 * Ends a connection in both directions, if its descriptor still is that connection's; the thread
 * that owns it then sees it closed. False when it is another's by now, or gone.
 */
export function shutdownSocket(connection: {
  readonly fd: number;
  readonly inode: number;
  readonly peerPort: number;
}): boolean {
  const { fd, inode, peerPort } = connection;
  return addon?.shutdownSocket(fd, inode, peerPort) ?? false;
}

/**
 * Sets what connections accepted from now on inherit on this process's listening sockets of
 * `localPort`: the kernel's buffers (Linux doubles them for its own overhead), and how much may wait
 * unsent before the socket stops being writable. Left out: stays as it is.
 * @returns how many sockets took all that was asked; 0 without the addon
 */
export function setListenSocketBuffers(settings: {
  readonly localPort: number;
  readonly sendBufferBytes?: number;
  readonly notSentLowatBytes?: number;
  readonly receiveBufferBytes?: number;
}): number {
  const {
    localPort,
    sendBufferBytes = 0,
    notSentLowatBytes = 0,
    receiveBufferBytes = 0,
  } = settings;
  return (
    addon?.setListenSocketBuffers(
      localPort,
      sendBufferBytes,
      notSentLowatBytes,
      receiveBufferBytes,
    ) ?? 0
  );
}

function load(): { addon?: Addon; absence?: string } {
  if (process.env['HEADGATE_NO_ADDON']) return { absence: 'HEADGATE_NO_ADDON is set' };
  const file = path.join(packageRoot(), 'native', 'build', 'Release', 'headgate.node');
  try {
    return { addon: createRequire(import.meta.url)(file) as Addon };
  } catch (reason) {
    const [firstLine] = String(reason).split('\n', 1);
    return { absence: firstLine ?? 'it does not load' };
  }
}
