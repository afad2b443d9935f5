/**
 * An origin whose objects have versions, and whose bodies say so: each block of 64 bytes carries
 * the object, the version and its own place, so that a body that is torn, mixed or out of date is
 * told precisely. Answers come late, slowly or not to their end where an object's manner says so.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const BLOCK_BYTES = 64;

export interface VersionedObject {
  readonly id: number;
  readonly path: string;
  readonly size: number; // bytes, of every version
  readonly maxAgeS: number;
  readonly manner: 'plain' | 'late' | 'slow' | 'chunked' | 'broken';
  version: number;
}

export interface VersionedOrigin {
  readonly url: string;
  readonly requests: () => number;
  readonly revalidations: () => number; // answered 304
  /** SHA-256 of what was made for a version. */
  digestOf(object: VersionedObject, version: number): string;
  stop(): Promise<void>;
}

/** The bytes of one version. */
export function versionedBody({ id, size }: VersionedObject, version: number): Buffer {
  const body = Buffer.alloc(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES);
  const seed = Math.imul(id + 1, 0x9e_37_79_b1) ^ Math.imul(version, 0x85_eb_ca_6b);
  for (let at = 16; at < BLOCK_BYTES; at += 4) body.writeInt32LE(Math.imul(seed, at | 1) | 0, at);
  for (let filled = BLOCK_BYTES; filled < body.length; filled *= 2) {
    body.copy(body, filled, 0, Math.min(filled, body.length - filled));
  }
  for (let at = 0; at < body.length; at += BLOCK_BYTES) {
    body.writeUInt32LE(id, at);
    body.writeUInt32LE(version, at + 4);
    body.writeUInt32LE(at, at + 8);
  }
  return body.subarray(0, size);
}

/** The version that the first block of a body of `firstByte` on claims; -1 when it is too short. */
export function versionIn(bytes: Buffer, firstByte: number): number {
  const at = (BLOCK_BYTES - (firstByte % BLOCK_BYTES)) % BLOCK_BYTES;
  return at + 8 > bytes.length ? -1 : bytes.readUInt32LE(at + 4);
}

/** What is wrong with bytes that are not those expected: the first block that differs. */
export function explainDifference(bytes: Buffer, expected: Buffer, firstByte: number): string {
  if (bytes.length !== expected.length) {
    return `${bytes.length} bytes instead of ${expected.length}`;
  }
  let at = 0;
  while (bytes[at] === expected[at]) at += 1;
  const block = Math.max(0, at - ((firstByte + at) % BLOCK_BYTES));
  const told = (buffer: Buffer): string =>
    block + 12 > buffer.length
      ? buffer.toString('hex', block)
      : `object ${buffer.readUInt32LE(block)} version ${buffer.readUInt32LE(block + 4)} at ${buffer.readUInt32LE(block + 8)}`;
  return `byte ${firstByte + at}: ${told(bytes)}, expected ${told(expected)}`;
}

export async function startVersionedOrigin(
  objects: readonly VersionedObject[],
  random: () => number,
): Promise<VersionedOrigin> {
  const byPath = new Map(objects.map((object) => [object.path, object]));
  const digests = new Map<string, string>();
  let requests = 0;
  let revalidations = 0;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    requests += 1;
    const object = byPath.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (object === undefined) {
      response.writeHead(404).end();
      return;
    }
    // Decided on arrival: what is late is out of date when it gets there.
    const { version } = object;
    const etag = `"${object.id}-${version}"`;
    const fields = { ETag: etag, 'Cache-Control': `max-age=${object.maxAgeS}` };
    if (object.manner === 'late') await delay(50 + random() * 400);
    if (request.headers['if-none-match'] === etag) {
      revalidations += 1;
      response.writeHead(304, fields).end();
      return;
    }
    const body = versionedBody(object, version);
    const digest = createHash('sha256').update(body).digest('hex');
    digests.set(`${object.id}-${version}`, digest);
    const sized = object.manner === 'chunked' ? {} : { 'Content-Length': body.length };
    response.writeHead(200, { ...fields, ...sized, 'Content-Type': 'video/mp4' });
    await send(response, body, object);
  }

  async function send(
    response: ServerResponse,
    body: Buffer,
    { manner }: VersionedObject,
  ): Promise<void> {
    const paced = manner === 'slow' || manner === 'chunked';
    if (manner === 'broken' && random() < 0.3) {
      response.write(body.subarray(0, body.length >> 1), () => response.destroy());
      return;
    }
    if (!paced) {
      response.end(body);
      return;
    }
    const step = Math.max(1, Math.ceil(body.length / 8));
    for (let at = 0; at < body.length && !response.destroyed; at += step) {
      response.write(body.subarray(at, at + step));
      await delay(10 + random() * 40);
    }
    response.end();
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    revalidations: () => revalidations,
    digestOf: ({ id }, version) => digests.get(`${id}-${version}`) ?? 'never made',
    stop: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
