/** Judges every answer of the gateway by what the world knows and HTTP allows at that moment. */
import { traceOf, type Answer, type Ask } from './ask.js';
import type { Findings } from './findings.js';
import { readBody, type Fault } from './judge-body.js';
import { fieldFaults } from './judge-fields.js';
import { ruleFaults } from './judge-rules.js';
import { timeFaults, type Circumstances } from './judge-time.js';
import { Deliveries, viewerFaults } from './judge-viewer.js';
import { type Kind, MAX_OBJECT_BYTES, SLICE_BYTES } from './kinds.js';
import { readTag } from './truth.js';
import { nowMs, type WorldObject } from './world-object.js';

const ORIGIN_REQUESTS_EACH = 3;
const ORIGIN_REQUESTS_SPARE = 20;

/** Refusals that a healthy origin gives no reason for. */
const NEEDLESS =
  /^GW_(?:INTERNAL|NOT_FOUND|FORBIDDEN|BAD|ORIGIN_(?:PROTOCOL|CONNECT|TIMEOUT|BREAKER_OPEN|IO))/;

export class Oracle {
  readonly #findings: Findings;
  readonly #startMs: number;
  readonly #deliveries = new Deliveries();
  /** How many answers were judged: by kind, and by what they were. */
  readonly judged = new Map<string, number>();
  bytes = 0;

  constructor(findings: Findings, startMs: number) {
    this.#findings = findings;
    this.#startMs = startMs;
  }

  /** The faults of this answer, all of which are noted as findings. */
  judge(ask: Ask, answer: Answer, around: Circumstances): readonly Fault[] {
    const faults = this.#faults(ask, answer, around);
    this.#count(ask, answer);
    for (const { class: name, what } of faults) {
      const kind = ask.object.kind.name;
      const log = (around.log?.() ?? []).map((line) => `  log: ${line}`);
      const trace = [...traceOf(ask, answer, this.#startMs), ...log];
      this.#findings.add({ class: name, kind, what, trace }, nowMs());
    }
    return faults;
  }

  /** Has an object cost its origin far more than was asked for? */
  countRequests(objects: Iterable<WorldObject>): void {
    for (const { kind, path, originRequests, clientRequests } of objects) {
      const each = ORIGIN_REQUESTS_EACH + slicesOf(kind);
      if (originRequests <= clientRequests * each + ORIGIN_REQUESTS_SPARE) continue;
      const what = `${path}: ${originRequests} requests to the origin for ${clientRequests}`;
      this.#findings.add({ class: 'origin-loop', kind: kind.name, what, trace: [] }, nowMs());
    }
  }

  #faults(ask: Ask, answer: Answer, around: Circumstances): readonly Fault[] {
    if (answer.left === 'patience') return [{ class: 'no-answer', what: 'none came in time' }];
    if (answer.status === 0) {
      if (answer.left === 'client' || around.workerLost) return [];
      return [{ class: 'no-answer', what: 'the connection was closed without one' }];
    }
    if (!isExpected(ask, answer)) return refusalFaults(ask, answer, around);
    const { faults, stamp } = readBody(ask, answer);
    const version = stamp?.version ?? taggedVersion(ask, answer);
    const read = { stamp, deliveries: this.#deliveries };
    const all = [...faults, ...viewerFaults(ask, answer, read), ...ruleFaults(ask, answer)];
    all.push(...fieldFaults(ask, answer));
    if (version !== undefined && faults.length === 0) {
      all.push(...timeFaults(ask, version, around), ...validatorFaults(ask, answer, version));
    }
    if (cutForNothing(ask, answer, around) && !isGoneSliced(ask, answer, version)) {
      all.push({ class: 'cut-whole', what: `ended early after ${answer.body.length} bytes` });
    }
    return all;
  }

  #count({ object, method }: Ask, answer: Answer): void {
    const { status, left, whole } = answer;
    const what = left !== 'no' ? 'left' : whole || status === 0 ? String(status) : `${status} cut`;
    const code =
      status < 500 ? undefined : /^GW_\w+/.exec(answer.body.toString('latin1', 0, 40))?.[0];
    const names = [`kind ${object.kind.name}`, `${method} ${what}`];
    if (code !== undefined) names.push(`refused ${code}`);
    for (const name of names) {
      this.judged.set(name, (this.judged.get(name) ?? 0) + 1);
    }
    this.bytes += answer.body.length;
  }
}

/** In how many requests an origin is asked for all of an object, at most; 0: it is not sliced. */
function slicesOf({ ranges, sizes }: Kind): number {
  const [, most] = sizes;
  return ranges && most > MAX_OBJECT_BYTES ? Math.ceil(most / SLICE_BYTES) : 0;
}

/** An answer of the object, not a refusal. */
function isExpected({ object: { kind } }: Ask, { status }: Answer): boolean {
  if (status === kind.status) return true;
  return kind.status === 200 && [200, 206, 304, 412, 416].includes(status);
}

function refusalFaults(ask: Ask, answer: Answer, around: Circumstances): readonly Fault[] {
  const { object } = ask;
  const { status, body } = answer;
  const { trouble } = object.kind;
  const text = body.toString('latin1', 0, 120).trim();
  if (status < 500) return [{ class: 'wrong-status', what: `${status} ${text}` }];
  if (text.startsWith('GW_ONLY_IF_CACHED')) {
    if (ask.cacheControl === 'only-if-cached') return [];
    return [{ class: 'needless-failure', what: `${text}, which was another's wish` }];
  }
  if (around.workerLost || trouble === 'fails' || trouble === 'resets' || trouble === 'short') {
    return [];
  }
  if (trouble === 'empty-with-length' || !NEEDLESS.test(text)) return [];
  // Of a file that is rewritten every few milliseconds nobody can get a whole.
  if (object.kind.write === 'quick' && text.startsWith('GW_ORIGIN_IO')) return [];
  return [{ class: 'needless-failure', what: `${status} ${text}` }];
}

/** Of an answer without a body, by what it is tagged with. */
function taggedVersion({ object }: Ask, { status, fields }: Answer): number | undefined {
  if (![200, 206, 304].includes(status)) return undefined;
  const etag = fields.get('etag');
  if (object.kind.site === 'http') return readTag(etag)?.version;
  const known = object.tags.get(etag ?? '');
  return known === undefined ? undefined : Number(known.split(' ', 1)[0]);
}

/** The tag must be this version's, and a strong one stands for one content only. */
function validatorFaults(ask: Ask, answer: Answer, version: number): Fault[] {
  const etag = answer.fields.get('etag');
  if (etag === undefined) return [];
  if (ask.object.kind.site === 'files') return tagFaults(ask, answer, { etag, version });
  const tagged = readTag(etag);
  if (tagged?.object === ask.object.id && tagged.version === version) return [];
  return [{ class: 'wrong-bytes', what: `${etag} on bytes of version ${version}` }];
}

function tagFaults(
  { object }: Ask,
  { status, whole, body, fields }: Answer,
  { etag, version }: { etag: string; version: number },
): Fault[] {
  const isWhole = status === 200 && whole && body.length > 0;
  if (!isWhole || etag.startsWith('W/')) return [];
  const stands = `${version} ${fields.get('content-length') ?? ''}`;
  const before = object.tags.get(etag);
  object.tags.set(etag, stands);
  if (before === undefined || before === stands) return [];
  return [{ class: 'wrong-bytes', what: `${etag} stood for ${before}, now for ${stands}` }];
}

/**
 * The rest of a large object can no longer be had once it is another one, or for somebody who forbids to ask
 * for it, once it is evicted: the cut says so.
 */
function isGoneSliced(
  { object, cacheControl }: Ask,
  { endMs }: Answer,
  version: number | undefined,
): boolean {
  const { size = 0, untilMs = Infinity } = object.version(version ?? 0) ?? {};
  const isGone = untilMs <= endMs || cacheControl === 'only-if-cached';
  return object.kind.ranges && size > MAX_OBJECT_BYTES && isGone;
}

/** Nobody left, no worker was lost, the origin gave it whole. */
function cutForNothing({ object, method }: Ask, answer: Answer, around: Circumstances): boolean {
  if (answer.whole || answer.left !== 'no' || around.workerLost || method === 'HEAD') return false;
  const { kind } = object;
  if (kind.site === 'files') return kind.write === 'rename';
  return kind.trouble !== 'short' && kind.trouble !== 'resets' && kind.trouble !== 'fails';
}
