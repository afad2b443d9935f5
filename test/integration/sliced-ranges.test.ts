/** Several ranges of a film in slices, and slices that may not be kept, end to end. */
import t, { type Test } from 'tap';
import { fileScript, patterned, type Script } from '../support/origin-server.js';
import { outcome, type Proxied, startProxied } from '../support/proxied.js';
import type { RawAnswer } from '../support/raw-client.js';

const MIB = 1_048_576;
const FILM = patterned(12 * MIB + 5_000);
const SLICES = 13;
const FIELDS = { 'Cache-Control': 'max-age=600', 'Content-Type': 'video/mp4' };
const PATH = '/film.mp4';

const whole = fileScript(FILM, { ...FIELDS, ETag: '"one"' });

/** Its head may be kept, its parts may not. */
const unkept: Script = (request, response, nth) => {
  const answer = whole(request, response, nth);
  if (answer?.status !== 206) return answer;
  return { ...answer, fields: { ...answer.fields, 'Cache-Control': 'no-store' } };
};

/** A gateway that has the film's head; `asked` counts what it asks from then on. */
async function startFilm(t: Test, script = whole): Promise<Proxied & { asked: () => number }> {
  const proxied = await startProxied(t, ['--set', 'origin.retries=0']);
  const { origin, get } = proxied;
  origin.on(PATH, script);
  await get(PATH, [], { method: 'HEAD' });
  const before = origin.count(PATH);
  return { ...proxied, asked: () => origin.count(PATH) - before };
}

/** The bytes of each part, in order. */
function partsOf({ fields, body }: RawAnswer): Buffer[] {
  const [, boundary = ''] = /boundary=(\S+)/.exec(fields.get('content-type') ?? '') ?? [];
  const text = body.toString('latin1');
  const parts = text.split(`--${boundary}`).slice(1, -1);
  return parts.map((part) => Buffer.from(part.slice(part.indexOf('\r\n\r\n') + 4, -2), 'latin1'));
}

t.test('several ranges in any order are the bytes they name, of slices nobody keeps', async (t) => {
  const { get } = await startFilm(t, unkept);
  const rows = [
    ['back within a slice', [900_000, 0]],
    ['by little', [100_000, 0]],
    ['to and fro', [700_000, 350_000, 1_000_000, 5]],
    ['over slices', [2 * MIB + 800_000, MIB + 800_000, 2 * MIB + 5, 11 * MIB, MIB + 5, 800_000, 5]],
  ] as const;
  for (const [why, places] of rows) {
    const ranges = places.map((at) => `${at}-${at + 99}`).join();
    const answer = await get(PATH, [`Range: bytes=${ranges}`]);
    t.equal(answer.status, 206, why);
    t.ok(answer.whole, why);
    const parts = partsOf(answer);
    t.equal(parts.length, places.length, why);
    for (const [i, at] of places.entries()) {
      t.ok(parts[i]?.equals(FILM.subarray(at, at + 100)), `${why}: ${at}`);
    }
  }
});

t.test('several ranges of what is not what it was say so, as one does', async (t) => {
  const several = [`Range: bytes=${9 * MIB}-${9 * MIB + 9}, 100-109`];
  const changed = await startFilm(t);
  const other = patterned(FILM.length, 7);
  changed.origin.on(PATH, fileScript(other, { ...FIELDS, ETag: '"two"' }));
  const next = await changed.get(PATH, several);
  t.equal(next.status, 206);
  t.equal(next.fields.get('etag'), '"two"');
  t.ok(next.whole);
  t.ok(partsOf(next)[0]?.equals(other.subarray(9 * MIB, 9 * MIB + 10)));
  const failing = await startFilm(t);
  failing.origin.on(PATH, { status: 503, body: 'not now' });
  t.equal((await failing.get(PATH, several)).status, 503);
  failing.origin.on(PATH, whole);
  const fetched = await failing.get(PATH, several);
  t.equal(outcome(fetched), 'partial', 'what was fetched is no hit');
  t.equal(outcome(await failing.get(PATH, several)), 'hit');
});

t.test('slices that may not be kept cost the origin a request each', async (t) => {
  const { get, asked } = await startFilm(t, unkept);
  t.ok((await get(PATH)).body.equals(FILM));
  t.equal(asked(), SLICES + 1, 'and one in which it showed');
});

t.test('what no-store brings of a film is not kept', async (t) => {
  const { get, asked } = await startFilm(t);
  const answer = await get(PATH, ['Range: bytes=0-9', 'Cache-Control: no-store']);
  t.ok(answer.body.equals(FILM.subarray(0, 10)));
  t.equal(asked(), 1);
  t.equal(outcome(await get(PATH, [`Range: bytes=0-${MIB - 1}`])), 'partial');
  t.equal(asked(), 2);
  t.equal(outcome(await get(PATH, ['Range: bytes=0-9', 'Cache-Control: no-store'])), 'hit');
  t.equal(asked(), 2, 'but what is here is served');
});

t.test('who wants only what is cached is refused alone', async (t) => {
  const { get } = await startFilm(t);
  const lookers = Array.from({ length: 8 }, () =>
    get(PATH, ['Range: bytes=0-9', 'Cache-Control: only-if-cached']),
  );
  const viewers = Array.from({ length: 8 }, () => get(PATH, ['Range: bytes=0-9']));
  await Promise.all(lookers);
  for (const { status } of await Promise.all(viewers)) t.equal(status, 206);
});
