/**
 * The way of a plain hit: one look at the request, one look-up, one write. It stays
 * within a microsecond or two of JavaScript: no promise, no closure, no object per request.
 */
import { type AnswerWriter, EARLIER, HEAD, type HeadReader } from '../../../native/addon.js';
import type { HttpRequest, HttpResponse } from '../../../native/uws.js';
import type { ArenaView } from '../../arena/arena.js';
import type { Directory } from '../../arena/directory.js';
import { METADATA_FLAGS } from '../../arena/metadata.js';
import { C } from '../../telemetry/metrics.js';
import { ArenaBody } from '../reach/body-source.js';
import { BodyWriter } from './answer/body-writer.js';
import type { EdgeContext } from './context.js';
import { HostPrefixes } from './request/host-prefixes.js';
import type { LocalObject, PlainBody } from '../reach/local-object.js';
import { isSentAtOnce, type Responder } from './answer/responder.js';
import { tryEnd } from './answer/try-end.js';
import { hasCoding } from '../../protocol/descriptor.js';
import { BLOCK_KEY, PUBLISHED_KEY } from '../../protocol/render.js';
import { cacheStatus, hitStatus } from '../../rules/cache-status.js';
import { isCredential } from '../../http/client-fields.js';
import { isOutsideKey, normalizeTarget } from '../../http/target.js';
import { hash32 } from '../../runtime/hash.js';

/** One hit in so many is timed; two clock reads would cost each one more than its look-up. */
const TIMED_EVERY = 64;
/**
 * With less than this left of its lifetime, an object is looked at by the exact clock: the coarse one
 * would serve on what a purge, an Age or a lifetime of nothing has made stale just now.
 */
const EXACT_BELOW_MS = 1_000;

/** What uWS keeps and does not show. */
export interface UwsMemory {
  readonly heads: HeadReader; // with ASKING_FIELDS and CLIENT_DATA
  readonly answers: AnswerWriter;
}

export class HitPath {
  readonly #context: EdgeContext;
  readonly #cells: Float64Array;
  readonly #prefixes: HostPrefixes | undefined; // where each host is cached apart
  readonly #looksWho: boolean;
  readonly #heads: HeadReader;
  readonly #answers: AnswerWriter;
  readonly #adopt: (response: HttpResponse) => Responder;
  #count = 0;
  /** What the request at hand asks for. */
  #key = '';
  #hash = 0;
  #unfinished: Responder | undefined; // of what the kernel took only part

  /** `adopt` takes over what cannot be written at once. */
  constructor(
    context: EdgeContext,
    uwsMemory: UwsMemory,
    adopt: (response: HttpResponse) => Responder,
  ) {
    const { key, origin } = context.config;
    this.#heads = uwsMemory.heads;
    this.#answers = uwsMemory.answers;
    this.#adopt = adopt;
    this.#context = context;
    this.#cells = context.metrics.cells;
    this.#prefixes = key.host ? new HostPrefixes(context.rules) : undefined;
    this.#looksWho = origin.credentials === 'send';
  }

  /**
   * True: answered. False: nothing was written, the request needs more thought. `earlier`: as
   * `AnswerWriter.begin` said.
   */
  serve(response: HttpResponse, request: HttpRequest, earlier: number): boolean {
    const timed = ++this.#count % TIMED_EVERY === 0;
    const startedMs = timed ? performance.now() : 0;
    const path = request.getUrl();
    const directory = this.#find(request, path);
    if (directory === undefined) return false;
    const bytes =
      (directory.metadata.flags & METADATA_FLAGS.plain) === 0
        ? this.#other(response, request, directory)
        : this.#plain(response, directory, earlier === EARLIER.none);
    if (bytes === undefined) return false;
    this.#bump(C.requests, 1);
    this.#bump(C.hits, 1);
    this.#bump(C.nearHits, 1);
    this.#bump(C.bytesSent, bytes);
    if (this.#unfinished === undefined) this.#log(path, bytes, 0);
    else this.#follow(this.#unfinished, path, bytes);
    if (timed) {
      this.#context.metrics.observe('hitSeconds', (performance.now() - startedMs) / 1_000);
    }
    return true;
  }

  /** The directory with the metadata of `#key`, guarded, if the request asks for nothing but the object. */
  #find(request: HttpRequest, path: string): Directory | undefined {
    const prefix = this.#prefixes === undefined ? '' : this.#prefixes.of(request);
    if (prefix === undefined) return undefined;
    let directory = this.#approach(prefix + path);
    const target = this.#targetOf(path, request);
    if (target === undefined) return undefined;
    if (target !== path) directory = this.#approach(prefix + target);
    directory?.prefetchObject(this.#hash);
    // Nothing in its fields asks for more than the object.
    if (this.#heads.look(request) !== HEAD.ordinary) return undefined;
    return directory?.protect(this.#key, this.#hash) === true ? directory : undefined;
  }

  /** Begins to load what the directory has of a key: that goes on while the request is looked at. */
  #approach(key: string): Directory | undefined {
    this.#key = key;
    this.#hash = hash32(key);
    const directory = this.#context.lookup.directoryOf(this.#hash);
    directory?.prefetchEntry(this.#hash);
    return directory;
  }

  /** What a key has of a target. A path that is not in normal form is found to be nothing's. */
  #targetOf(path: string, request: HttpRequest): string | undefined {
    const clientData = this.#heads.clientData(request);
    if (clientData === 0) return path;
    const rules = this.#context.rules.key;
    if (clientData > 0) return path.length + 1 + clientData > rules.maxUrl ? undefined : path;
    const query = request.getQuery();
    if (path.length + 1 + query.length > rules.maxUrl) return undefined;
    if (isOutsideKey(query, rules)) return path;
    const target = normalizeTarget(path, query, rules);
    return 'error' in target ? undefined : target.key;
  }

  /** The rest is counted as far as it goes. `bytes` are with the kernel. */
  #follow(responder: Responder, path: string, bytes: number): void {
    this.#unfinished = undefined;
    responder.whenGone(() => {
      this.#bump(C.bytesSent, responder.bytesSent);
      if (responder.left) this.#bump(C.aborted, 1);
      const ms = this.#context.clock.now() - responder.startedMs;
      this.#log(path, bytes + responder.bytesSent, ms);
    });
  }

  /** Bytes sent; undefined when nothing was. The directory's metadata is guarded until then. */
  #plain(response: HttpResponse, directory: Directory, writable: boolean): number | undefined {
    const { metadata, view } = directory;
    const { clock } = this.#context;
    try {
      const leftMs = this.#leftMs(metadata.freshUntilMs);
      if (leftMs <= 0) return undefined;
      const { slot } = metadata;
      view.touch(slot); // early: it may have to come from memory
      const ageMs = Math.max(0, clock.coarse() - metadata.bornMs);
      const { bodyBytes } = metadata;
      const atOnce = isSentAtOnce(metadata.fieldsBytes + bodyBytes);
      if (writable && atOnce) {
        response.endWithoutBody();
        // Whole numbers: those take no memory.
        this.#answers.writeHit(
          metadata.line,
          Math.floor(leftMs / 1_000),
          Math.floor(ageMs / 1_000),
        );
        return bodyBytes;
      }
      const body = directory.body();
      response.writeHeader(
        BLOCK_KEY,
        `${hitStatus(this.#context.config.cache.name, leftMs / 1_000)}\r\nAge: ${Math.floor(ageMs / 1_000)}`,
      );
      response.writeHeader(PUBLISHED_KEY, metadata.fieldBytes());
      this.#answers.setDate(response, metadata.date);
      if (!atOnce) return this.#sendLarge(response, body, { arena: view, slot });
      response.end(body);
      return body.length;
    } finally {
      view.unprotect();
    }
  }

  #leftMs(freshUntilMs: number): number {
    const { clock } = this.#context;
    const leftMs = freshUntilMs - clock.coarse();
    return leftMs > EXACT_BELOW_MS ? leftMs : freshUntilMs - clock.now();
  }

  /** What takes more than its metadata: playlists and the like, in the coding that the client likes best. */
  #other(
    response: HttpResponse,
    request: HttpRequest,
    { metadata, view }: Directory,
  ): number | undefined {
    const { lookup, clock } = this.#context;
    const object = metadata.varies ? undefined : lookup.ready(metadata, this.#key);
    view.unprotect();
    if (object?.plain === undefined) return undefined;
    if (!this.#mayHave(object, request)) return undefined;
    if (this.#leftMs(object.freshUntilMs) <= 0) return undefined;
    const body = object.descriptor.codable ? this.#inBestCoding(object, request) : object.plain;
    if (body === undefined) return undefined;
    const { arena } = object;
    if (!arena.protect(body.slot, body.generation)) return undefined;
    try {
      const block = body.hitBlock(clock.coarse());
      response.writeHeader(BLOCK_KEY, block);
      this.#answers.setDate(response, object.date);
      arena.touch(body.slot);
      if (!isSentAtOnce(block.length + body.view.length)) {
        return this.#sendLarge(response, body.view, { arena, slot: body.slot });
      }
      response.end(body.view);
      return body.view.length;
    } finally {
      arena.unprotect();
    }
  }

  /** Few objects are for the anonymous alone: only then is it looked who asks. */
  #mayHave({ descriptor }: LocalObject, request: HttpRequest): boolean {
    if (!descriptor.freshness.anonymousOnly || !this.#looksWho) return true;
    let named = false;
    // `getHeader` sees the first of several lines alone, and an empty one names nobody.
    request.forEach((name, value) => {
      named ||= value !== '' && isCredential(name);
    });
    return !named;
  }

  /**
   * What the kernel does not take goes on as any body does, under a lease. `body` is guarded. Gives the
   * bytes that it has taken.
   */
  #sendLarge(
    response: HttpResponse,
    body: Uint8Array,
    { arena, slot }: { arena: ArenaView; slot: number },
  ): number {
    const of = { total: body.length, answers: this.#answers };
    const [, complete] = tryEnd(response, body, of);
    if (complete) return body.length;
    const { turns, wheel } = this.#context;
    const responder = this.#adopt(response);
    arena.pin(slot);
    responder.whenGone(() => {
      arena.release(slot);
    });
    const writer = new BodyWriter({
      responder,
      source: new ArenaBody({ arena, slot, extents: [], written: 0, ended: true }),
      pieces: [{ bytes: body }],
      total: body.length,
      turns,
      wheel,
      writeHead: () => undefined,
    });
    const taken = responder.offset();
    writer.goOn();
    this.#unfinished = responder;
    return taken;
  }

  #inBestCoding(object: LocalObject, request: HttpRequest): PlainBody | undefined {
    const { codings } = this.#context;
    const { descriptor, coded, plain } = object;
    const preferred = codings.preferred(request.getHeader('accept-encoding'));
    const [best] = preferred;
    if (best !== undefined && !hasCoding(descriptor, best)) codings.miss(descriptor, preferred);
    for (const coding of preferred) {
      // One that lies in pieces takes more than this.
      if (hasCoding(descriptor, coding)) return coded.find((one) => one.coding === coding);
    }
    return plain;
  }

  #log(target: string, bytes: number, ms: number): void {
    const { access, config } = this.#context;
    if (!access.sampled()) return;
    const status = cacheStatus(config.cache.name, { hit: true });
    access.write({ method: 'GET', target, status: 200, bytes, ms, cacheStatus: status });
  }

  #bump(cell: number, by: number): void {
    this.#cells[cell] = (this.#cells[cell] ?? 0) + by;
  }
}
