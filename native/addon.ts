/**
 * The optional addons behind one typed file. Where one was not built or does not load, every call
 * answers as a system without the feature would, and `addonAbsence()` says why, for one log line.
 * Each thread that imports this loads it; it keeps no state.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { packageRoot } from './package-root.js';

interface Addon {
  pinThreadToCore(core: number): boolean;
  threadCores(): number[];
  threadCpuTimeUs(): number;
  adviseHugePages(view: Uint8Array): boolean;
  populatePages(view: Uint8Array): Promise<boolean> | false | undefined;
  muteCerr(muted: boolean): void;
  copyBytes(target: Uint8Array, at: number, source: Uint8Array): boolean;
  setListenSocketBuffers(
    localPort: number,
    sendBufferBytes: number,
    lowat: number,
    receiveBufferBytes: number,
  ): number;
  refuseConnections(localPort: number): number;
  isOpenForWriting(descriptor: number): boolean | undefined;
  writesEnd(descriptor: number): Promise<void> | undefined;
}

interface Ending {
  watchSignals(patienceMs: number): boolean;
  exitNow(code: number): never;
}

/** Both take a key's hash as a signed number, which V8 keeps off the heap; they change caches alone. */
export interface Prefetcher {
  /** Loads the place in the table where the look-up of that hash begins. */
  entry(hash: number): void;
  /** Reads the table, and loads the text it leads to, the beginning of its block, and that one's visits. */
  object(hash: number): void;
}

/** What `HeadReader.look` finds in a request's head; the first that holds, from `hidden` up. */
export const HEAD = {
  /** None of the others. */
  ordinary: 0,
  /** One of the reader's names, a Connection other than keep-alive, or a Host that is no plain name. */
  special: 1,
  /** Bytes above ASCII, which uWS decodes as UTF-8 and trims off values. */
  aboveAscii: 2,
  /** Fields that uWS does not show, or a head that is not as we know them. */
  hidden: 3,
} as const;

/** Reads what uWS has parsed; for the binaries alone that `uwsBinaryIsKnown()` is true of. */
export interface HeadReader {
  /** One of HEAD. Only before the request's handler returns, as with `text`. */
  look(request: object): number;
  /** The head as it came but for names, which are in lower case: a character a byte, no last CRLF. */
  text(request: object): string | undefined;
  /** Bytes of a query of client data alone, as the reader's parameters; 0: of none; -1: of any other. */
  clientData(request: object): number;
}

/** What uWS holds back of earlier answers on a connection, as `AnswerWriter.begin` finds it. */
export const EARLIER = {
  /**
   * Some of them: the client has sent further requests without reading. Over TLS also what uWS has not
   * tried to send yet.
   */
  some: 0,
  /** Nothing, as far as can be seen: answer by uWS's own calls. */
  unknown: 1,
  /** Nothing, and `writeHit` may be used. */
  none: 2,
} as const;

/**
 * Reads and writes what uWS holds of answers; for the binaries alone that `uwsBinaryIsKnown()` is true
 * of. Only on the thread whose uWS they are of.
 */
export interface AnswerWriter {
  /** A number that a response's connection shares with no other open one; 0: it is gone. */
  connection(response: object): number;
  /** Before anything is answered in a request's handler: one of EARLIER. */
  begin(response: object): number;
  /**
   * What `Date` says of the next answer whose body begins on this thread: seconds since the epoch, below
   * 2^32; 0: now. It stays so for up to a second: each answer must set it.
   */
  setDate(response: object, seconds: number): void;
  /**
   * Sends what is corked of a response, its head, together with further bytes of its body: behind a
   * `tryEnd` of the first, which has told the length, and before one of those that are left, or of none
   * when that was all.
   * @returns how many of them the kernel has taken; 0 over TLS, and where the head is not corked
   */
  sendBody(response: object, bytes: Uint8Array): number;
  /**
   * A 200 with the fields, Date and body of the plain object whose metadata begins at `line` of the node's
   * memory, in place of the empty one that `endWithoutBody()` has just written. The caller guards it, and
   * knows that with fields and body there are no more than 14 KiB.
   * @throws Error when what `begin` said was not EARLIER.none, something else was written, or it is larger
   */
  writeHit(line: number, ttlS: number, ageS: number): void;
}

interface Loaded<T> {
  addon?: T;
  absence?: string;
}

type PrefetcherClass = new (
  table: Int32Array,
  banks: readonly Uint8Array[],
  visits: Uint8Array,
) => Prefetcher;

type HeadReaderClass = new (names: readonly string[], parameters: readonly string[]) => HeadReader;

type AnswerWriterClass = new (
  lead: string,
  banks: readonly Uint8Array[],
  tls: boolean,
) => AnswerWriter;

// V8 has no longer typed arrays than this; a multiple of the huge page's 2 MiB.
const VIEW_BYTES = 2 ** 30;
const { addon, absence } = load('headgate') as Loaded<Addon>;
const ending = load('ending') as Loaded<Ending>;
const prefetching = load('prefetch') as Loaded<{ Prefetcher: PrefetcherClass }>;
const reading = load('request_head') as Loaded<{ HeadReader: HeadReaderClass }>;
const writing = load('answer_writer') as Loaded<{ AnswerWriter: AnswerWriterClass }>;

/** Why the addon is absent; undefined when it is there. */
export function addonAbsence(): string | undefined {
  return absence ?? prefetching.absence ?? reading.absence ?? writing.absence ?? ending.absence;
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
 * Has the kernel find memory for the whole pages of a view, on another thread, and changes no byte: whoever
 * writes there first need not wait for it. Resolves with whether it did, which takes Linux 5.14. One view at
 * a time in the process: false while another is under way. Undefined where nothing is done.
 */
export function populatePages(view: Uint8Array): Promise<boolean> | false | undefined {
  return addon?.populatePages(view);
}

/**
 * Silences what C++ code of the process writes to std::cerr: for a moment, around a call that is known
 * to complain for nothing. No effect without the addon.
 */
export function muteCerr(muted: boolean): void {
  addon?.muteCerr(muted);
}

/**
 * `target.set(source, at)` at the speed of memory: V8 copies into shared memory a word at a time, or a
 * byte where the two are not aligned alike. They must not overlap, and nobody else may read there yet.
 * @throws RangeError when it does not fit
 */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array): void {
  if (addon?.copyBytes(target, at, source) !== true) target.set(source, at);
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

/**
 * From now on listening sockets of this process on `localPort` ignore who wants to connect; whoever has
 * begun to is still accepted. The others try again, a second later, and find whoever listens then.
 * @returns how many sockets do so; 0 without the addon
 */
export function refuseConnections(localPort: number): number {
  return addon?.refuseConnections(localPort) ?? 0;
}

/**
 * Whether anybody has the file open for writing, or mapped so. `descriptor` must only read. Whoever opens
 * it at that very moment waits for a microsecond; who does so with O_NONBLOCK is refused then.
 * @returns undefined where that cannot be asked: without the addon, of a file that is not ours (a
 * process with CAP_LEASE may ask of any), on a file system without leases
 */
export function isOpenForWriting(descriptor: number): boolean | undefined {
  return addon?.isOpenForWriting(descriptor);
}

/**
 * Resolves when each write(2) that goes on in the file just now has returned; for as long a thread of
 * libuv's is taken, so no more than two wait at once.
 * @returns undefined without the addon, and when two wait
 */
export function writesEnd(descriptor: number): Promise<void> | undefined {
  return addon?.writesEnd(descriptor);
}

/**
 * A SIGTERM or SIGINT ends the process after `patienceMs` even if no thread of it ever comes to its
 * loop again, with exit code 1 and a line on stderr. False without the addon: then nothing does.
 */
export function watchSignals(patienceMs: number): boolean {
  return ending.addon?.watchSignals(patienceMs) ?? false;
}

/**
 * Ends the process here and now with code 1, whatever its threads do: none is waited for, nothing is
 * closed. (`process.exit` joins threads, and aborts while a worker has sockets.) Without the addon by
 * SIGKILL, or by an abort where even that is ignored: by process 1 of a container.
 */
export function endProcess(): never {
  ending.addon?.exitNow(1);
  process.kill(process.pid, 'SIGKILL');
  process.abort();
}

/**
 * For the table of a `Directory`, the banks that it leads to, all as long as the first but for the last,
 * and the visits of each block of them. The views must live as long as the prefetcher. Undefined without
 * the addon.
 */
export function newPrefetcher(
  ...of: ConstructorParameters<PrefetcherClass>
): Prefetcher | undefined {
  return prefetching.addon && new prefetching.addon.Prefetcher(...of);
}

/**
 * `names`: fields that make a head special, in lower case; `parameters`: of client data, exactly. Undefined
 * without the addon.
 */
export function newHeadReader(
  ...of: ConstructorParameters<HeadReaderClass>
): HeadReader | undefined {
  return reading.addon && new reading.addon.HeadReader(...of);
}

/**
 * `lead`: the Cache-Status of a hit up to its first number, up to 512 bytes; `banks`: of the node's memory,
 * which must live as long as the writer; `tls`: what the connections speak. Undefined without the addon.
 */
export function newAnswerWriter(
  ...of: ConstructorParameters<AnswerWriterClass>
): AnswerWriter | undefined {
  return writing.addon && new writing.addon.AnswerWriter(...of);
}

function load(name: string): Loaded<unknown> {
  if (process.env['HEADGATE_NO_ADDON']) return { absence: 'HEADGATE_NO_ADDON is set' };
  const file = path.join(packageRoot(), 'native', 'build', 'Release', `${name}.node`);
  try {
    return { addon: createRequire(import.meta.url)(file) };
  } catch (reason) {
    const [firstLine] = String(reason).split('\n', 1);
    return { absence: firstLine ?? 'it does not load' };
  }
}
