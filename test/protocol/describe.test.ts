import t from 'tap';
import { describe, pathOf, timeIn } from '../../src/protocol/describe.js';
import type { FieldLine, FieldLines } from '../../src/http/fields.js';
import { sliceKeys } from '../../src/protocol/slices.js';
import { describedAs, FRESHNESS } from '../support/descriptor.js';

const DATE = 'Sat, 21 Nov 2026 10:00:00 GMT';
const TYPE: FieldLine = ['content-type', 'text/plain'];
const PLAN = { ...FRESHNESS, vary: [], stripFields: ['set-cookie', 'x-user'] };

t.test('describe() keeps the fields that stay, in their order', (t) => {
  const rows: [status: number, given: string, kept: string, why: string][] = [
    [200, 'link etag content-type link', 'link etag content-type link', 'twice is twice'],
    [200, 'age date content-type content-length', 'content-type', 'said anew each time'],
    [404, 'cache-status content-type accept-ranges', 'content-type', 'of an error, too'],
    [200, 'set-cookie content-type x-user set-cookie', 'content-type', 'stripped'],
    [206, 'content-range content-type', 'content-type', 'which part each answer says'],
    [416, 'content-range content-type', 'content-range content-type', 'how long it is'],
  ];
  for (const [status, given, kept, why] of rows) {
    const fields = given.split(' ').map((name, i): FieldLine => [name, `value ${i}`]);
    const left = describe(status, fields, PLAN, describedAs({})).fields;
    t.equal(left.map(([name]) => name).join(' '), kept, why);
    t.ok(
      left.every((line) => fields.includes(line)),
      `${why}: with their values`,
    );
  }
  t.end();
});

t.test('describe() guesses a type that nobody said, where there are bytes', (t) => {
  const slice = sliceKeys('/film.mp4', '"v1"', 1_000)(3);
  const rows: [key: string, totalBytes: number, guess: string, said: boolean, why: string][] = [
    ['/film.mp4', 1, 'video/mp4', true, 'by its name'],
    ['/film.mp4', -1, 'video/mp4', true, 'of unknown length'],
    ['/film.mp4', 0, 'video/mp4', false, 'no bytes'],
    [slice, 1, 'video/mp4', true, 'a slice by its object'],
    ['/film', 1, 'application/octet-stream', true, 'a name that says nothing'],
  ];
  for (const [key, totalBytes, guess, said, why] of rows) {
    const { contentType, fields } = describe(200, [], PLAN, describedAs({ key, totalBytes }));
    t.equal(contentType, guess, why);
    t.same(fields, said ? [['content-type', guess]] : [], why);
  }
  const told = describe(200, [TYPE], PLAN, describedAs({ key: '/film.mp4' }));
  t.same([told.contentType, told.fields], ['text/plain', [TYPE]], 'the origin knows better');
  t.end();
});

t.test('describe() has the facts of the answer, whatever lay in that place before', (t) => {
  const before = describedAs({
    ...{ key: '/new', shard: 3, slot: 9, generation: -5, firstByte: 7, secondary: 'en' },
    ...{ codable: true, cached: false, etag: '"old"', lastModifiedMs: 5, unworthy: ['br'] },
    encodings: [{ coding: 'gzip', slot: 1, generation: 1, extents: [], bytes: 9 }],
  });
  const upstream = ['far; hit', 'near; hit'].map((value): FieldLine => ['cache-status', value]);
  const fields: FieldLines = [TYPE, ['etag', 'W/"new"'], ['date', DATE], ...upstream];
  const freshness = {
    ...{ bornMs: 1, ttlMs: 2, swrMs: 3, sieMs: 4 },
    ...{ mustRevalidate: true, alwaysRevalidate: false, anonymousOnly: true },
  };
  const plan = { ...freshness, vary: ['accept'], stripFields: ['etag'] };
  t.same(describe(206, fields, plan, before), {
    ...before,
    ...{ status: 206, fields: [TYPE], contentType: 'text/plain', vary: ['accept'], freshness },
    ...{ etag: 'W/"new"', dateMs: Date.parse(DATE), lastModifiedMs: NaN },
    ...{ upstreamStatus: 'far; hit, near; hit', encodings: [], unworthy: [] },
  });
  t.match(describe(200, [], PLAN, before), { etag: '', upstreamStatus: '' });
  t.end();
});

t.test('timeIn() is NaN unless the field is one date', (t) => {
  t.equal(timeIn([TYPE, ['date', DATE]], 'date'), Date.parse(DATE));
  for (const values of [[], [''], ['0'], [DATE, DATE]]) {
    const fields = values.map((value): FieldLine => ['date', value]);
    t.ok(Number.isNaN(timeIn(fields, 'date')), JSON.stringify(values));
  }
  t.end();
});

t.test('pathOf() ends at the first query', (t) => {
  for (const key of ['/a', '/a?', '/a?b?c', sliceKeys('/a', '?', 1_000)(0)])
    t.equal(pathOf(key), '/a');
  t.equal(pathOf('?b'), '');
  t.end();
});
