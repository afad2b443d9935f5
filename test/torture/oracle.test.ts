/** The oracle rejects forged wrong answers of each class, and takes what HTTP allows. */
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Answer, Ask } from './ask.js';
import { Findings, type FindingClass } from './findings.js';
import { digestField, ODD_FIELD } from './judge-fields.js';
import type { Circumstances } from './judge-time.js';
import { KINDS, type Kind } from './kinds.js';
import { Oracle } from './oracle.js';
import { readTruth, truthText } from './truth.js';
import { viewerWord, type ViewerFields } from './viewer.js';
import { nowMs, WorldObject } from './world-object.js';

const CALM: Circumstances = { lagMs: 0, workerLost: false };
const ANNA: ViewerFields = { cookie: 'sid=anna' };
const BERT: ViewerFields = { cookie: 'sid=bert' };

let serial = 0;

/** An object, a request for it, and the right answer to that: what a test then forges. */
class Case {
  readonly object: WorldObject;
  readonly findings = new Findings(nowMs());
  readonly oracle = new Oracle(this.findings, nowMs());

  constructor(kind: string) {
    this.object = new WorldObject(7, kindNamed(kind), 0);
    this.object.vouch(1);
  }

  ask(more: Partial<Ask> = {}): Ask {
    serial += 1;
    const { object } = this;
    const plain = { object, method: 'GET', viewer: {}, query: '' } as const;
    return { serial, ...plain, sentMs: nowMs(), ...more };
  }

  /** As the world's origin would answer that viewer. */
  answer(of: { viewer?: ViewerFields; version?: number; range?: [number, number] } = {}): Answer {
    const { object } = this;
    const { kind } = object;
    const version = of.version ?? object.current.number;
    const viewer = viewerWord(kind, of.viewer ?? {});
    const size = object.sizeOf(version);
    const [first, last] = of.range ?? [0, size - 1];
    const body = object.body(version, viewer, first, last + 1);
    serial += 1;
    const date = 1_800_000_000;
    const fields = new Map([
      ['x-truth', truthText({ object: object.id, version, viewer, serial, date })],
      ['date', new Date(date * 1_000).toUTCString()],
      ['etag', object.etag(version, viewer)],
      ['content-length', String(body.length)],
    ]);
    if (of.range !== undefined) fields.set('content-range', `bytes ${first}-${last}/${size}`);
    const status = of.range === undefined ? kind.status : 206;
    return { status, fields, body, whole: true, interims: [], endMs: nowMs(), left: 'no' };
  }

  /** The classes of what it finds. */
  judge(ask: Ask, answer: Answer, around = CALM): FindingClass[] {
    return [...new Set(this.oracle.judge(ask, answer, around).map(({ class: name }) => name))];
  }
}

function kindNamed(name: string): Kind {
  const kind = KINDS.find((one) => one.name === name);
  if (kind === undefined) throw new Error(name);
  return kind;
}

function withField(answer: Answer, name: string, value: string): Answer {
  return { ...answer, fields: new Map([...answer.fields, [name, value]]) };
}

/** As a directory answers. */
function withoutTruth(answer: Answer): Answer {
  const fields = [...answer.fields].filter(([name]) => name.startsWith('content-'));
  return { ...answer, fields: new Map(fields) };
}

/** An answer of its own making, so that its serial is no other's. */
function withBody(answer: Answer, body: Buffer): Answer {
  return withField({ ...answer, body }, 'content-length', String(body.length));
}

t.test('what HTTP allows is no finding', (t) => {
  const world = new Case('plain');
  const { object } = world;
  const etag = object.etag(1, 0);
  t.strictSame(world.judge(world.ask(), world.answer()), [], 'a whole');
  const range: [number, number] = [33, 99];
  const part = world.answer({ range });
  t.strictSame(world.judge(world.ask({ range: 'bytes=33-99' }), part), [], 'a part');
  t.strictSame(world.judge(world.ask({ range: 'bytes=33-99', ifRange: etag }), part), []);
  const old = { range: 'bytes=33-99', ifRange: '"7-0-0"' };
  t.strictSame(world.judge(world.ask(old), world.answer()), [], 'all of it for a stale If-Range');
  const same = { ...world.answer(), status: 304, body: Buffer.alloc(0) };
  t.strictSame(world.judge(world.ask({ ifNoneMatch: etag }), same), [], 'a 304');
  const cut = { ...world.answer(), whole: false, left: 'client' as const };
  const half = { ...cut, body: cut.body.subarray(0, 77) };
  t.strictSame(world.judge(world.ask(), half), [], 'the client has left');
  t.strictSame(
    world.judge(world.ask({ method: 'HEAD' }), { ...world.answer(), body: Buffer.alloc(0) }),
    [],
  );
  object.advance();
  t.strictSame(world.judge(world.ask(), world.answer({ version: 1 })), [], 'within its lifetime');
  t.equal(world.findings.counts.size, 0);
  t.ok(world.oracle.judged.size > 0, 'and it was counted');
  t.end();
});

t.test('a part of a playlist that all versions share is taken for what its length says', (t) => {
  const world = new Case('file-live');
  const { object } = world;
  for (let version = 2; version <= 8; version += 1) object.advance();
  const range: [number, number] = [16, 26];
  const part = withoutTruth(world.answer({ range }));
  const ask = world.ask({ range: 'bytes=16-26' });
  object.advance();
  t.not(object.sizeOf(8), object.sizeOf(9), 'the test sees a change of length');
  t.strictSame(world.judge(ask, part), []);
  const told = `bytes 16-26/${object.sizeOf(9) + 7}`;
  t.strictSame(world.judge(ask, withField(part, 'content-range', told)), ['false-whole']);
  t.end();
});

t.test('bytes of something else are found', (t) => {
  const world = new Case('plain');
  const { object } = world;
  const right = world.answer();
  const size = right.body.length;
  object.advance();
  object.vouch(2);
  const forged: readonly (readonly [string, Buffer])[] = [
    ['another object', new WorldObject(8, object.kind, 1).body(1, 0, 0, size)],
    ['mixed versions', Buffer.concat([right.body.subarray(0, 64), object.body(2, 0, 64, size)])],
    ['shifted', object.body(1, 0, 16, size + 16)],
    ['one byte', Buffer.from(right.body).fill(right.body[45] === 0 ? 1 : 0, 45, 46)],
  ];
  for (const [why, body] of forged) {
    t.strictSame(world.judge(world.ask(), withBody(right, body)), ['wrong-bytes'], why);
  }
  const mislabelled = withField(right, 'etag', object.etag(2, 0));
  t.strictSame(world.judge(world.ask(), mislabelled), ['wrong-bytes'], 'under another ETag');
  const early = world.answer({ version: 3 });
  t.ok(world.judge(world.ask(), early).includes('wrong-bytes'), 'not made yet');
  t.end();
});

t.test('what belongs to somebody else is found', (t) => {
  for (const kind of ['private', 'no-store', 'session', 'forbidden', 'json', 'hints']) {
    const world = new Case(kind);
    const annas = world.answer({ viewer: ANNA });
    t.strictSame(world.judge(world.ask({ viewer: ANNA }), annas), [], kind);
    const berts = world.answer({ viewer: BERT });
    t.strictSame(world.judge(world.ask({ viewer: ANNA }), berts), ['wrong-viewer'], kind);
  }
  const world = new Case('private');
  const one = world.answer();
  t.strictSame(world.judge(world.ask(), one), []);
  t.strictSame(world.judge(world.ask(), one), ['wrong-viewer'], 'one answer, two without a name');
  const truth = readTruth(world.answer({ viewer: BERT }).fields.get('x-truth'));
  const hint = new Map([
    ['x-truth', truthText(truth ?? { object: 7, version: 1, viewer: 2, serial: 1, date: 1 })],
  ]);
  const hinted = { ...world.answer(), interims: [hint] };
  t.strictSame(world.judge(world.ask(), hinted), ['wrong-viewer'], 'in a 103');
  const cookie = withField(world.answer(), 'set-cookie', 'session=4711.99999; Path=/');
  t.strictSame(world.judge(world.ask(), cookie), ['wrong-viewer'], 'in a Set-Cookie');
  const spoken = new Case('language');
  const german = spoken.answer({ viewer: { language: 'de' } });
  const french = spoken.ask({ viewer: { language: 'fr' } });
  t.strictSame(spoken.judge(french, german), ['wrong-variant']);
  t.end();
});

t.test('what is older than it may be is found', (t) => {
  const rows = [
    ['plain', 'stale', 5_000],
    ['must-revalidate', 'stale', 2_000],
    ['no-cache', 'stale', 1_000],
    ['etag-only', 'stale', 1_000],
    ['live', 'stale-playlist', 1_800],
    ['file-live', 'stale-playlist', 1_800],
  ] as const;
  for (const [kind, name, laterMs] of rows) {
    const world = new Case(kind);
    const old = world.answer();
    world.object.advance();
    const soon = world.ask();
    const late = world.ask({ sentMs: nowMs() + laterMs });
    t.strictSame(world.judge(soon, old), [], `${kind}, at once`);
    t.strictSame(world.judge(late, old), [name], `${kind}, ${laterMs} ms later`);
    const lost = { lagMs: 0, workerLost: true };
    t.strictSame(world.judge(late, old, lost), [], 'unless a worker was lost');
  }
  const failing = new Case('failing');
  const old = failing.answer();
  failing.object.advance();
  failing.object.failedMs = nowMs();
  const late = failing.ask({ sentMs: nowMs() + 6_000 });
  t.strictSame(failing.judge(late, old), [], 'or its origin fails');
  t.end();
});

t.test('fields that are not as sent, or not of this answer, are found', (t) => {
  const world = new Case('text');
  const { object } = world;
  const right = (range?: [number, number]): Answer => {
    const answer = world.answer(range === undefined ? {} : { range });
    const fields = new Map(answer.fields);
    fields.set('repr-digest', digestField(object.body(1, 0)));
    fields.set('content-digest', digestField(answer.body));
    fields.set('vary', 'Accept-Encoding');
    fields.set(ODD_FIELD[0].toLowerCase(), ODD_FIELD[1]);
    return { ...answer, fields };
  };
  const gzip = (answer: Answer): Answer => {
    const coded = gzipSync(answer.body);
    const weak = withField(answer, 'etag', `W/${object.etag(1, 0)}`);
    const fields = new Map(withField(weak, 'content-encoding', 'gzip').fields);
    for (const name of ['repr-digest', 'content-digest']) fields.delete(name);
    return { ...answer, coded, fields: fields.set('content-length', String(coded.length)) };
  };
  const part = { range: 'bytes=33-99' };
  t.strictSame(world.judge(world.ask(), right()), []);
  t.strictSame(world.judge(world.ask(part), right([33, 99])), []);
  t.strictSame(world.judge(world.ask({ accepts: 'gzip' }), gzip(right())), []);
  const whole = digestField(object.body(1, 0));
  const later = new Date(1_800_000_001_000).toUTCString();
  const wrong: readonly (readonly [why: string, Ask, Answer])[] = [
    ['Date', world.ask(), withField(right(), 'date', later)],
    ['digest of a part', world.ask(part), withField(right([33, 99]), 'content-digest', whole)],
    ['digest of a form', world.ask(), withField(gzip(right()), 'repr-digest', whole)],
    ['digest', world.ask(), withField(right(), 'content-digest', digestField(Buffer.alloc(1)))],
    ['Vary', world.ask(), withField(right(), 'vary', 'Accept-Language')],
    ['bytes', world.ask(), withField(right(), ODD_FIELD[0].toLowerCase(), '\xc3\xa9')],
  ];
  for (const [why, ask, answer] of wrong) {
    t.strictSame(world.judge(ask, answer), ['wrong-field'], why);
  }
  const broken = { ...gzip(right()), body: Buffer.alloc(0) };
  t.strictSame(world.judge(world.ask(), broken), ['wrong-bytes'], 'what cannot be read');
  const short = { ...gzip(right()), body: object.body(1, 0, 0, 16) };
  t.strictSame(world.judge(world.ask(), short), ['false-whole'], 'a form of half of it');
  t.end();
});

t.test('what a purge or a write has ended is found, also as a 304', (t) => {
  for (const [by, name] of [
    ['purge', 'stale-after-purge'],
    ['soft-purge', 'stale-after-purge'],
    ['unsafe', 'stale-after-unsafe'],
  ] as const) {
    const world = new Case('plain');
    const old = world.answer();
    const before = world.ask();
    world.object.advance();
    world.object.vouch(2);
    world.object.raiseFloor({ version: 2, fromMs: nowMs(), by });
    t.strictSame(world.judge(before, old), [], 'who asked before may have it');
    t.strictSame(world.judge(world.ask({ sentMs: nowMs() + 1 }), old), [name]);
    const same = { ...old, status: 304, body: Buffer.alloc(0) };
    const again = world.ask({ sentMs: nowMs() + 1, ifNoneMatch: world.object.etag(1, 0) });
    t.strictSame(world.judge(again, same), [name]);
    world.object.failedMs = nowMs();
    const excused = by === 'soft-purge' ? [] : [name];
    t.strictSame(
      world.judge(world.ask({ sentMs: nowMs() + 1 }), old),
      excused,
      'its origin failed',
    );
  }
  t.end();
});

t.test('a whole that is none, and one that was cut, are found', (t) => {
  const world = new Case('plain');
  const right = world.answer();
  const half = right.body.subarray(0, 100);
  t.strictSame(
    world.judge(world.ask(), withBody(right, half)),
    ['false-whole'],
    'of right framing',
  );
  const cut = { ...right, body: half, whole: false };
  t.strictSame(world.judge(world.ask(), cut), ['cut-whole']);
  const lost = { lagMs: 0, workerLost: true };
  t.strictSame(world.judge(world.ask(), cut, lost), [], 'unless a worker was lost');
  const large = new Case('large');
  const whole = large.answer();
  const sliced = { ...whole, body: whole.body.subarray(0, 262_144), whole: false };
  t.strictSame(large.judge(large.ask(), sliced), ['cut-whole']);
  large.object.advance();
  const late = { ...sliced, endMs: nowMs() };
  t.strictSame(large.judge(large.ask(), late), [], 'unless what is sliced became another');
  const head = withField({ ...right, body: Buffer.alloc(0) }, 'content-length', '100');
  t.strictSame(world.judge(world.ask({ method: 'HEAD' }), head), ['false-whole'], 'told by a HEAD');
  const part = world.answer({ range: [0, 49] });
  const short = withField(part, 'content-range', 'bytes 0-49/100');
  t.strictSame(world.judge(world.ask({ range: 'bytes=0-49' }), short), ['false-whole']);
  const truncated = new Case('truncated');
  const some = truncated.answer();
  const less = { ...some, body: some.body.subarray(0, 100), whole: false };
  t.strictSame(truncated.judge(truncated.ask(), less), [], 'the origin had no more');
  const ended = withBody(some, some.body.subarray(0, 100));
  t.strictSame(truncated.judge(truncated.ask(), ended), ['false-whole'], 'but then it is no whole');
  t.end();
});

t.test('files: half of one, one tag for two contents, a 416 for what is there', (t) => {
  const world = new Case('file-rewritten');
  const right = withField(world.answer(), 'etag', '"f1"');
  t.strictSame(world.judge(world.ask(), right), []);
  const half = withField(withBody(right, right.body.subarray(0, 101)), 'etag', '"f2"');
  t.strictSame(world.judge(world.ask(), half), ['false-whole'], 'half of it, long after');
  world.object.writes.set(1, { step: 50, untilMs: nowMs() });
  t.strictSame(world.judge(world.ask(), half), ['false-whole'], 'a length it never had');
  const whileWritten = withField(withBody(right, right.body.subarray(0, 100)), 'etag', '"f3"');
  t.strictSame(world.judge(world.ask(), whileWritten), [], 'a length it had while it was written');
  const later = world.ask({ sentMs: nowMs() + 10_000 });
  t.strictSame(world.judge(later, whileWritten), ['false-whole'], 'kept');
  world.object.advance();
  const next = withField(world.answer(), 'etag', '"f1"');
  t.strictSame(world.judge(world.ask(), next), ['wrong-bytes'], 'the tag of another content');

  const tiny = new Case('file-rewritten');
  const before = tiny.answer({ range: [50, 56] }); // no block is whole in it
  tiny.object.advance();
  const ofBefore = tiny.ask({ range: 'bytes=50-56' });
  t.strictSame(tiny.judge(ofBefore, before), [], 'a few bytes of what it was a moment ago');
  const foreign = withBody(before, Buffer.from(before.body.map((byte) => byte ^ 1)));
  t.strictSame(tiny.judge(ofBefore, foreign), ['wrong-bytes'], 'of no version');
  const mixed = withBody(before, tiny.object.body(2, 0, 50, 57));
  t.strictSame(tiny.judge(ofBefore, mixed), ['wrong-bytes'], 'under the length of another');

  const growing = new Case('file-growing');
  growing.object.grow(1, 5_000);
  const refused = { ...growing.answer(), status: 416, body: Buffer.alloc(0) };
  const told = withField(refused, 'content-range', 'bytes */3000');
  const ask = growing.ask({ range: 'bytes=4000-4999', sentMs: nowMs() + 1 });
  t.strictSame(growing.judge(ask, told), ['wrong-condition']);
  const beyond = growing.ask({ range: 'bytes=6000-', sentMs: nowMs() + 1 });
  t.strictSame(growing.judge(beyond, told), []);
  t.end();
});

t.test('wrong decisions on conditions and ranges are found', (t) => {
  const world = new Case('unstored');
  const etag = world.object.etag(1, 0);
  const range = 'bytes=33-99';
  const none = Buffer.alloc(0);
  const part = (): Answer => world.answer({ range: [33, 99] });
  const rows: readonly (readonly [string, Partial<Ask>, Answer])[] = [
    ['a part behind a stale If-Range', { range, ifRange: '"7-0-0"' }, part()],
    ['a part nobody asked for', {}, part()],
    ['another part', { range: 'bytes=200-299' }, part()],
    ['the range ignored', { range }, world.answer()],
    ['the range ignored, If-Range holds', { range, ifRange: etag }, world.answer()],
    ['If-Match fails', { ifMatch: '"7-0-0"' }, world.answer()],
    ['If-None-Match matches', { ifNoneMatch: etag }, world.answer()],
    [
      'a 304 for another',
      { ifNoneMatch: '"7-0-0"' },
      { ...world.answer(), status: 304, body: none },
    ],
    ['a 304 for nothing', {}, { ...world.answer(), status: 304, body: none }],
    ['a 412 for nothing', {}, { ...world.answer(), status: 412, body: none }],
    [
      'a 416 for what is there',
      { range },
      withField({ ...world.answer(), status: 416, body: none }, 'content-range', 'bytes */500'),
    ],
  ];
  for (const [why, ask, answer] of rows) {
    t.strictSame(world.judge(world.ask(ask), answer), ['wrong-condition'], why);
  }
  t.end();
});

t.test('no answer, a needless one, and a loop are found', (t) => {
  const world = new Case('plain');
  const nothing = { ...world.answer(), status: 0, fields: new Map<string, string>(), whole: false };
  t.strictSame(world.judge(world.ask(), nothing), ['no-answer'], 'closed');
  const waited = { ...nothing, left: 'patience' as const };
  t.strictSame(world.judge(world.ask(), waited), ['no-answer'], 'hung');
  const refused = {
    ...nothing,
    status: 502,
    whole: true,
    body: Buffer.from('GW_ORIGIN_BREAKER_OPEN'),
  };
  t.strictSame(world.judge(world.ask(), refused), ['needless-failure']);
  const notStored = { ...refused, status: 504, body: Buffer.from('GW_ONLY_IF_CACHED') };
  t.strictSame(world.judge(world.ask(), notStored), ['needless-failure'], 'another asked so');
  t.strictSame(world.judge(world.ask({ cacheControl: 'only-if-cached' }), notStored), []);
  t.strictSame(world.judge(world.ask(), { ...refused, status: 404 }), ['wrong-status']);
  world.object.clientRequests = 10;
  world.object.originRequests = 30;
  world.oracle.countRequests([world.object]);
  t.notOk(world.findings.counts.has('origin-loop plain'));
  world.object.originRequests = 300;
  world.oracle.countRequests([world.object]);
  t.ok(world.findings.counts.has('origin-loop plain'));
  t.end();
});
