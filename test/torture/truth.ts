/** What every answer of the world's origin says of itself in a field. */
import type { Stamp } from './blocks.js';

export interface Truth extends Stamp {
  readonly serial: number; // of all answers of the origin: no two have the same
  readonly date: number; // what its Date says, in seconds since the epoch
}

export function truthText({ object, version, viewer, serial, date }: Truth): string {
  return `${object}.${version}.${viewer}.${serial}.${date}`;
}

export function readTruth(text: string | undefined): Truth | undefined {
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text ?? '');
  if (parts === null) return undefined;
  const [object = 0, version = 0, viewer = 0, serial = 0, date = 0] = parts.slice(1).map(Number);
  return { object, version, viewer, serial, date };
}

/** Of an entity tag of the world's origin. */
export function readTag(etag: string | undefined): Stamp | undefined {
  const parts = /^(?:W\/)?"(\d+)-(\d+)-(\d+)"$/.exec(etag ?? '');
  if (parts === null) return undefined;
  const [object = 0, version = 0, viewer = 0] = parts.slice(1).map(Number);
  return { object, version, viewer };
}
