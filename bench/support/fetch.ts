/** Plain requests of the benches themselves: filling caches and proving that an answer is right. */
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { bodyOf, objectPath, sha256 } from './bodies.js';

const TIMEOUT_MS = 30_000;

const agent = new Agent({ keepAlive: true, maxSockets: 64, maxFreeSockets: 64, timeout: 4_000 });

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Rejects on any fault of the connection; every status resolves. */
export function get(port: number, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'bench' }; // as the generators say: some caches keep it in the key
    const options = { host: '127.0.0.1', port, path, agent, headers, timeout: TIMEOUT_MS };
    const exchange = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0, headers } = response;
        resolve({ status, headers, body: Buffer.concat(chunks) });
      });
    });
    exchange.on('timeout', () => exchange.destroy(new Error(`${path}: no answer`)));
    exchange.on('error', reject);
    exchange.end();
  });
}

/** Asks for objects 0 … count-1 once each, a few at a time. @throws at a wrong status or body. */
export async function fill(port: number, size: number, count: number): Promise<void> {
  let next = 0;
  const walk = async (): Promise<void> => {
    while (next < count) await checkObject(port, size, next++);
  };
  await Promise.all(Array.from({ length: 32 }, walk));
}

/** @throws when the object's body is not byte for byte the origin's. */
export async function checkObject(port: number, size: number, n: number): Promise<Answer> {
  const answer = await get(port, objectPath(size, n));
  if (answer.status !== 200) throw new Error(`${objectPath(size, n)}: status ${answer.status}`);
  if (sha256(answer.body) !== sha256(bodyOf(size, n))) {
    throw new Error(`${objectPath(size, n)}: wrong body of ${answer.body.length} bytes`);
  }
  return answer;
}

/** True when the answer says by X-Cache or Cache-Status (RFC 9211) that the cache had it. */
export function saysHit(answer: Answer): boolean {
  const fields = [answer.headers['x-cache'], answer.headers['cache-status']].flat();
  return fields.some((value) => value !== undefined && /\bhit\b/i.test(value));
}
