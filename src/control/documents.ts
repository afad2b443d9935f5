/** Documents on the admin port: msgpack between our own programs, JSON for everybody else. */
import { Packr, Unpackr } from 'msgpackr';

export const MSGPACK = 'application/msgpack';
export const JSON_TYPE = 'application/json';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

/** The type of a Content-Type or Accept value, when it is one of the two. */
export function documentType(
  field: string | undefined,
): typeof MSGPACK | typeof JSON_TYPE | undefined {
  const type = (field ?? '').split(';', 1)[0]?.trim().toLowerCase();
  return type === MSGPACK || type === JSON_TYPE ? type : undefined;
}

export function encodeDocument(
  type: typeof MSGPACK | typeof JSON_TYPE,
  value: unknown,
): Uint8Array {
  return type === MSGPACK ? packr.pack(value) : Buffer.from(`${JSON.stringify(value)}\n`);
}

/** Undefined: not a document of that type. */
export function decodeDocument(
  type: typeof MSGPACK | typeof JSON_TYPE,
  bytes: Uint8Array,
): unknown {
  try {
    return type === MSGPACK
      ? (unpackr.unpack(bytes) as unknown)
      : (JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown);
  } catch {
    return undefined; // hostile or broken: the caller says what it wanted
  }
}
