/** Sends one ask over a real socket, stays or leaves as told, and has the answer judged. */
import { brotliDecompressSync, constants, gunzipSync } from 'node:zlib';
import { type RawAnswer, RawClient } from '../support/raw-client.js';
import { askLines, type Answer, type Ask } from './ask.js';
import type { Oracle } from './oracle.js';
import type { Site } from './site.js';
import { nowMs } from './world-object.js';

export interface Manner {
  readonly rate?: number; // bytes per second
  readonly leaveMs?: number; // from the request on
  readonly leaveAtHead?: boolean;
  readonly patienceMs?: number;
}

const PATIENCE_MS = 25_000;

export interface Judging {
  readonly oracle: Oracle;
  readonly lagMs: () => number;
}

/** A connection that is kept while its answers are whole. */
export class Client {
  readonly #site: Site;
  readonly #judging: Judging;
  #raw: RawClient | undefined;

  constructor(site: Site, judging: Judging) {
    this.#site = site;
    this.#judging = judging;
  }

  /** `make` gets the moment at which the request goes out. */
  async ask(make: (sentMs: number) => Ask, manner: Manner = {}): Promise<Answer | undefined> {
    const raw = await this.#open();
    if (raw === undefined) return undefined;
    const ask = make(nowMs());
    const answer = await exchange(raw, ask, manner);
    if (!answer.whole || raw.isClosed) this.close();
    const workerLost = this.#site.lostWorker(ask.sentMs, answer.endMs);
    const { oracle, lagMs } = this.#judging;
    const hit = answer.fields.get('cache-status')?.includes('; hit') === true;
    const faults = oracle.judge(ask, answer, {
      lagMs: hit ? 0 : 100 + lagMs() * 2,
      workerLost,
      log: () => this.#site.logSince(ask.sentMs),
    });
    if (faults.length === 0) remember(ask, answer);
    return answer;
  }

  close(): void {
    this.#raw?.close();
    this.#raw = undefined;
  }

  async #open(): Promise<RawClient | undefined> {
    if (this.#raw?.isClosed === false) return this.#raw;
    try {
      this.#raw = await RawClient.open(this.#site.gateway.port);
    } catch {
      this.#raw = undefined; // the gateway is gone: its exit code tells
    }
    return this.#raw;
  }
}

async function exchange(raw: RawClient, ask: Ask, manner: Manner): Promise<Answer> {
  const interims: ReadonlyMap<string, string>[] = [];
  let left: Answer['left'] = 'no';
  const leave = (how: 'client' | 'patience'): void => {
    if (left !== 'no') return;
    left = how;
    raw.reset();
  };
  const patience = setTimeout(() => {
    leave('patience');
  }, manner.patienceMs ?? PATIENCE_MS);
  const leaving =
    manner.leaveMs === undefined
      ? undefined
      : setTimeout(() => {
          leave('client');
        }, manner.leaveMs);
  ask.object.clientRequests += 1;
  try {
    const answer = await raw.get(ask.object.path + ask.query, askLines(ask), {
      method: ask.method,
      rate: manner.rate ?? 0,
      onInterim: (fields) => interims.push(fields),
      onHead: () => {
        if (manner.leaveAtHead === true) leave('client');
      },
    });
    const { status, fields, whole } = answer;
    const content = decode(answer);
    // Whoever has left cannot say that something was missing; what came in time was whole.
    const how = whole ? 'no' : left;
    return { status, fields, ...content, whole, interims, endMs: nowMs(), left: how };
  } finally {
    clearTimeout(patience);
    clearTimeout(leaving);
  }
}

/** As far as it came; empty when it cannot be read. */
function decode({ fields, body }: RawAnswer): Pick<Answer, 'body' | 'coded'> {
  const coding = fields.get('content-encoding');
  if (coding === undefined || body.length === 0) return { body };
  try {
    if (coding === 'gzip') {
      return { coded: body, body: gunzipSync(body, { finishFlush: constants.Z_SYNC_FLUSH }) };
    }
    if (coding === 'br') {
      const finishFlush = constants.BROTLI_OPERATION_FLUSH;
      return { coded: body, body: brotliDecompressSync(body, { finishFlush }) };
    }
  } catch {
    // Told as what it is when it is judged.
  }
  return { coded: body, body: body.subarray(0, 0) };
}

function remember({ object }: Ask, { status, fields }: Answer): void {
  if (status !== 200 && status !== 206) return;
  object.remember({ etag: fields.get('etag'), lastModified: fields.get('last-modified') });
}
