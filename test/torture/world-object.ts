/** One object of the world and all that is true of it: its versions, and who vouched for which. */
import { blocks } from './blocks.js';
import type { Kind } from './kinds.js';

/** Milliseconds that no clock change moves. */
export const nowMs = (): number => performance.now();

export interface Version {
  readonly number: number;
  readonly sinceMs: number;
  untilMs: number; // Infinity: it is current
  readonly size: number; // bytes
  readonly modifiedMs: number; // wall clock, whole seconds
}

/** A version that requests must not fall behind, from a moment on. */
interface Floor {
  readonly version: number;
  readonly fromMs: number;
  readonly by: 'purge' | 'soft-purge' | 'unsafe';
}

/** What a client has seen of a version and may ask with. */
export interface SeenValidators {
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** Longer histories are cut: nothing that old may be seen unless it is never judged. */
const KEPT_VERSIONS = 4_000;
const KEPT_SEEN = 6;
const YESTERDAY_MS = Math.floor(Date.now() / 1_000) * 1_000 - 86_400_000;
const TARGET_S = 2;

export class WorldObject {
  readonly id: number;
  readonly kind: Kind;
  readonly path: string;
  readonly #versions = new Map<number, Version>();
  readonly #vouchedMs = new Map<number, number>();
  readonly #floors: Floor[] = [];
  readonly #growth = new Map<number, { bytes: number; atMs: number }[]>();
  readonly seen: SeenValidators[] = [];
  /** What a strong entity tag was seen to stand for. */
  readonly tags = new Map<string, string>();
  originRequests = 0;
  clientRequests = 0;
  failedMs = -Infinity; // when its origin last failed
  /** Of a file: which version is being written in steps of so many bytes. */
  readonly writes = new Map<number, { readonly step: number; untilMs: number }>();
  #current: Version;

  constructor(id: number, kind: Kind, nth: number) {
    this.id = id;
    this.kind = kind;
    this.path = `/${kind.name}/${nth}.${kind.extension}`;
    this.#current = this.#make(1);
  }

  get current(): Version {
    return this.#current;
  }

  version(number: number): Version | undefined {
    return this.#versions.get(number);
  }

  versions(): Iterable<Version> {
    return this.#versions.values();
  }

  /** Bytes of a growing file's version that are surely on the disk. */
  grown(version: number): number {
    return this.#growth.get(version)?.at(-1)?.bytes ?? 0;
  }

  /** Bytes that it surely had at that moment. */
  grownAt(version: number, atMs: number): number {
    const growth = this.#growth.get(version) ?? [];
    return growth.findLast((one) => one.atMs <= atMs)?.bytes ?? 0;
  }

  grow(version: number, bytes: number): void {
    const growth = this.#growth.get(version) ?? [];
    growth.push({ bytes, atMs: nowMs() });
    this.#growth.set(version, growth);
  }

  /** When a growing file had become longer than this; Infinity: it has not. */
  outgrownMs(version: number, bytes: number): number {
    return this.#growth.get(version)?.find((one) => one.bytes > bytes)?.atMs ?? Infinity;
  }

  advance(): Version {
    this.#current.untilMs = nowMs();
    this.#current = this.#make(this.#current.number + 1);
    return this.#current;
  }

  /** The origin answers with this version now: from here its lifetime counts. */
  vouch(version: number): void {
    this.#vouchedMs.set(version, nowMs());
  }

  /** Undefined: its origin never gave it out. */
  vouchedMs(version: number): number | undefined {
    return this.#vouchedMs.get(version);
  }

  /** Requests sent from `fromMs` on must not see an older version. */
  raiseFloor(floor: Floor): void {
    this.#floors.push(floor);
    if (this.#floors.length > 50) this.#floors.shift();
  }

  /** `excused`: from what is only stale. */
  floorAt(sentMs: number, excused: boolean): Floor | undefined {
    let highest: Floor | undefined;
    for (const floor of this.#floors) {
      if (excused && floor.by === 'soft-purge') continue;
      if (floor.fromMs <= sentMs && floor.version > (highest?.version ?? 0)) highest = floor;
    }
    return highest;
  }

  remember(seen: SeenValidators): void {
    const last = this.seen.at(-1);
    if (last?.etag === seen.etag && last?.lastModified === seen.lastModified) return;
    this.seen.push(seen);
    if (this.seen.length > KEPT_SEEN) this.seen.shift();
  }

  etag(version: number, viewer: number): string {
    return `"${this.id}-${version}-${viewer}"`;
  }

  body(version: number, viewer: number, start = 0, end = this.sizeOf(version)): Buffer {
    if (this.kind.trouble === 'live') return this.#playlist(version).subarray(start, end);
    return blocks({ object: this.id, version, viewer }, start, end);
  }

  sizeOf(version: number): number {
    return this.#versions.get(version)?.size ?? 0;
  }

  /** Any playlist of this object, and its version; undefined: it is none of them. */
  playlistVersion(text: string): number | undefined {
    const version = Number(/^#EXT-X-MEDIA-SEQUENCE:(\d+)$/m.exec(text)?.[1] ?? NaN);
    return this.#playlist(version).toString() === text ? version : undefined;
  }

  #playlist(version: number): Buffer {
    const lines = ['#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-TARGETDURATION:${TARGET_S}`];
    lines.push(`#EXT-X-MEDIA-SEQUENCE:${version}`, `## object ${this.id}`);
    for (let i = 0; i < 4; i += 1) lines.push(`#EXTINF:${TARGET_S}.0,`, `s${version + i}.nowhere`);
    return Buffer.from(`${lines.join('\n')}\n`);
  }

  #make(number: number): Version {
    const { sizes, validators, trouble } = this.kind;
    const spread = Math.imul(number * 7_919 + this.id * 104_729, 0x9e_37_79_b1) >>> 0;
    const size = sizes[0] + (spread % Math.max(1, sizes[1] - sizes[0]));
    const version: Version = {
      number,
      sinceMs: nowMs(),
      untilMs: Infinity,
      // Odd, so that no size is one that a half-written file may have.
      size: trouble === 'live' ? this.#playlist(number).length : size | 1,
      // Two seconds apart, as a date tells versions from each other by whole seconds only.
      modifiedMs:
        validators === 'modified'
          ? Math.floor(Date.now() / 1_000) * 1_000
          : YESTERDAY_MS + number * 2_000,
    };
    this.#versions.set(number, version);
    this.#versions.delete(number - KEPT_VERSIONS);
    return version;
  }
}

export function makeObjects(kinds: readonly Kind[]): WorldObject[] {
  let id = 0;
  return kinds.flatMap((kind) =>
    Array.from({ length: kind.objects }, (_, nth) => new WorldObject((id += 1), kind, nth)),
  );
}
