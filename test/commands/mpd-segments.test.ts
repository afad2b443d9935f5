/** Manifests that would be too much to make, and live ones, as `listingOf` takes them. */
import t from 'tap';
import { MAX_SEGMENTS } from '../../src/commands/mpd-segments.js';
import { listingOf } from '../../src/commands/warm-listing.js';

const ALL = Number.POSITIVE_INFINITY;
const STATIC = 'type="static" mediaPresentationDuration="PT4S"';
const HOUR_MS = 3_600_000;

function mpd(root: string, template: string, representations = 1): string {
  const inner = Array.from(
    { length: representations },
    (_, i) => `<Representation id="v${i}" bandwidth="9" codecs="avc1.4d400c"/>`,
  );
  return `<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" minBufferTime="PT2S" ${root}><Period start="PT0S">
<AdaptationSet contentType="video" mimeType="video/mp4">${template}${inner.join('')}</AdaptationSet>
</Period></MPD>`;
}

function template(attributes: string, timeline = ''): string {
  const inside = timeline === '' ? '' : `<SegmentTimeline>${timeline}</SegmentTimeline>`;
  return `<SegmentTemplate media="$RepresentationID$-$Number$.m4s" initialization="i.mp4" ${attributes}>${inside}</SegmentTemplate>`;
}

function mediaOf(text: string, first = ALL): string[] {
  return listingOf(text, 'http://gw/a.mpd', first).media.map((url) =>
    url.slice('http://gw/'.length),
  );
}

/** A stream that began so long ago. */
function live(agoMs: number, more = ''): string {
  const start = new Date(Date.now() - agoMs).toISOString();
  return `type="dynamic" availabilityStartTime="${start}" ${more}`;
}

t.test('listingOf() refuses a manifest of more segments than it is worth to make', (t) => {
  const year = live(8_760 * HOUR_MS);
  const long = 'type="static" mediaPresentationDuration="PT1000000S"';
  const rows = [
    [mpd(long, template('duration="1"')), 'a duration'],
    [mpd(long, template('duration="1" timescale="90000"')), 'in small units'],
    [mpd(STATIC, template('duration="1" endNumber="99999999"')), 'an end'],
    [mpd(STATIC, template('', '<S t="0" d="1" r="99999999"/>')), 'repetitions'],
    [mpd(STATIC, template('', '<S t="0" d="1" r="-1"/><S t="99999999" d="1"/>')), 'up to the next'],
    [mpd(long, template('', '<S t="0" d="1" r="-1"/>')), 'up to the end'],
    [mpd(STATIC, template('', '<S t="0" d="0" r="-1"/>')), 'without end'],
    [mpd(STATIC, template('', '<S t="0" d="1" r="99999"/>'), 6), 'all representations together'],
    [mpd(year, template('duration="1"')), 'all of a live stream'],
    [
      mpd(`${year} minimumUpdatePeriod="PT2S"`, template('', '<S t="0" d="1" r="-1"/>')),
      'the same, by a timeline',
    ],
    [
      mpd(long, '<SegmentList duration="1"><SegmentURL media="a"/></SegmentList>'),
      'a list, though it has one',
    ],
  ] as const;
  for (const [text, why] of rows) {
    t.throws(() => mediaOf(text), { message: /^a DASH manifest of more than \d+ segments/ }, why);
  }
  t.end();
});

t.test('listingOf() refuses numbers that the parser cannot count, or write', (t) => {
  const rows = [
    [template('duration="1" startNumber="9007199254740992"'), 'a start beyond integers'],
    [template('startNumber="9007199254740992"', '<S t="0" d="1" r="9"/>'), 'of a timeline'],
    ['<SegmentTemplate duration="1" media="$Number%0999999999d$"/>', 'a gigabyte of zeros'],
  ] as const;
  for (const [inside, why] of rows) {
    t.throws(() => mediaOf(mpd(STATIC, inside)), { message: /^a DASH manifest with / }, why);
  }
  t.end();
});

t.test('listingOf() takes a manifest as large as they come', (t) => {
  t.equal(mediaOf(mpd(STATIC, template('', '<S t="0" d="1" r="43199"/>'), 6), 2).length, 13);
  const most = mpd(STATIC, template('', `<S t="0" d="1" r="${MAX_SEGMENTS / 5 - 1}"/>`), 5);
  t.equal(mediaOf(most, 1).length, 6, 'to the last one');
  t.end();
});

t.test('listingOf() takes the newest segments of a live manifest, however long it lasts', (t) => {
  const year = mpd(live(8_760 * HOUR_MS), template('duration="2" startNumber="0"'));
  const [init, ...media] = mediaOf(year, 2);
  t.equal(init, 'i.mp4');
  const numbers = media.map((name) => Number(name.replace(/^v0-(\d+)\.m4s$/, '$1')));
  t.equal(numbers.length, 2);
  const last = (8_760 * 3_600) / 2 - 1;
  for (const [i, number] of numbers.entries()) {
    t.ok(Math.abs(number - (last - 1 + i)) <= 10, `${number} is as good as ${last}`);
  }
  const timeline = '<S t="0" d="2" r="9"/>';
  t.strictSame(mediaOf(mpd(live(HOUR_MS), template('', timeline)), 2), [
    'i.mp4',
    'v0-9.m4s',
    'v0-10.m4s',
  ]);
  const shallow = live(HOUR_MS, 'timeShiftBufferDepth="PT20S"');
  t.ok(mediaOf(mpd(shallow, template('duration="2"'))).length <= 12, 'no more than is there');
  t.end();
});
