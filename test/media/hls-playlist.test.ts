/** HLS_LIMITS, each at its edge: what is just within is read, what is just beyond is refused. */
import t from 'tap';
import { HLS_LIMITS } from '../../src/media/hls-playlist.js';
import { parsePlaylist, type HlsMediaPlaylist } from '../../src/media/hls.js';

const HEAD = '#EXTM3U\n#EXT-X-TARGETDURATION:4\n';

function padded(line: string, length: number): string {
  return line.padEnd(length, 'x');
}

function segments(count: number): string {
  return `${HEAD}${'#EXTINF:1,\ns\n'.repeat(count)}`;
}

function parts(count: number): string {
  return `${HEAD}${'#EXT-X-PART:DURATION=1,URI="p"\n'.repeat(count)}`;
}

/** Variants and renditions in turns. */
function renditions(count: number): string {
  const lines = Array.from({ length: count }, (_, i) =>
    i % 2 === 0 ? '#EXT-X-STREAM-INF:\nv\n' : '#EXT-X-MEDIA:TYPE=AUDIO\n',
  );
  return `#EXTM3U\n${lines.join('')}`;
}

function variables(count: number): string {
  const lines = Array.from({ length: count }, (_, i) => `#EXT-X-DEFINE:NAME="v${i}",VALUE="x"\n`);
  return `${HEAD}${lines.join('')}`;
}

/** A segment whose URI has `length` characters when its variable is put in. */
function substituted(length: number): string {
  const value = 'v'.repeat(1_000);
  const uri = `{$v}${padded('', length - value.length)}`;
  return `${HEAD}#EXT-X-DEFINE:NAME="v",VALUE="${value}"\n#EXTINF:1,\n${uri}\n`;
}

function lasting(ms: number): string {
  return `${HEAD}#EXTINF:${ms / 1_000},\ns\n`;
}

/** `text` and blank lines behind it, `length` characters in all. */
function filled(text: string, length: number): string {
  return text + '\n'.repeat(length - text.length);
}

const EDGES: Readonly<Record<keyof typeof HLS_LIMITS, (amount: number) => string>> = {
  text: (length) => filled(HEAD, length),
  line: (length) => `${HEAD}${padded('#', length)}\n`,
  segments,
  parts,
  renditions,
  variables,
  uri: (length) => `${HEAD}#EXTINF:1,\n${padded('', length)}\n`,
  durationMs: lasting,
};

t.test(
  'parsePlaylist() reads a playlist that just keeps a limit, and refuses the next larger',
  (t) => {
    for (const [name, limit] of Object.entries(HLS_LIMITS)) {
      const edge = EDGES[name as keyof typeof HLS_LIMITS];
      const within = parsePlaylist(edge(limit));
      t.notOk(
        'error' in within,
        `${name} of ${limit}: ${'error' in within ? within.error : 'read'}`,
      );
      t.match(parsePlaylist(edge(limit + 1)), { error: /\S/ }, `${name} beyond ${limit}`);
    }
    t.end();
  },
);

t.test('parsePlaylist() bounds a URI by what it is with its variables put in', (t) => {
  const { segments } = parsePlaylist(substituted(HLS_LIMITS.uri)) as HlsMediaPlaylist;
  t.equal(segments[0]?.uri.length, HLS_LIMITS.uri);
  t.match(parsePlaylist(substituted(HLS_LIMITS.uri + 1)), { error: /URI too long/ });
  t.end();
});

t.test('parsePlaylist() counts what is bounded, not what a limit is reached by', (t) => {
  const mixed = segments(HLS_LIMITS.segments) + '#EXT-X-PART:DURATION=1,URI="p"\n';
  t.match(parsePlaylist(mixed), { kind: 'media' }, 'parts beside all the segments');
  const again = variables(HLS_LIMITS.variables) + '#EXT-X-DEFINE:IMPORT="v"\n';
  t.match(parsePlaylist(again), { kind: 'media' }, 'a definition that defines nothing here');
  const gaps = parts(HLS_LIMITS.parts) + '#EXT-X-PART:DURATION=1,URI="p",GAP=YES\n';
  t.match(parsePlaylist(gaps), { kind: 'media' }, 'a part that is not kept');
  t.end();
});

t.test('HLS_LIMITS leave room for a day of two-second segments with an hour of parts', (t) => {
  const name = '0123456789-0123456789-0123456789';
  const day = `#EXTINF:2.000,\n${name}.m4s\n`.repeat(43_200);
  const hour = `#EXT-X-PART:DURATION=0.5,URI="${name}"\n`.repeat(7_200);
  const playlist = parsePlaylist(HEAD + day + hour) as HlsMediaPlaylist;
  t.strictSame([playlist.segments.length, playlist.parts.length], [43_200, 7_200]);
  t.end();
});

t.test('a fault names the line that it was found on', (t) => {
  const rows = [
    [`${HEAD}#EXTINF:1,\n${padded('', HLS_LIMITS.uri + 1)}\n`, /^line 4: /],
    [variables(HLS_LIMITS.variables + 1), new RegExp(`^line ${HLS_LIMITS.variables + 3}: `)],
    [parts(HLS_LIMITS.parts + 1), new RegExp(`^line ${HLS_LIMITS.parts + 3}: `)],
  ] as const;
  for (const [text, error] of rows) t.match(parsePlaylist(text), { error });
  t.end();
});
