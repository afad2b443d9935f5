/**
 * What the gateway needs to know of a DASH manifest: whether it changes, and how often. The facts
 * are attributes of the root element (ISO/IEC 23009-1 section 5.3.1.2), so its start tag is all
 * that is read: an XML tree of a hostile manifest would cost more than it tells.
 */

const MAX_PROLOG = 65_536; // characters before the root element, comments included
const MAX_START_TAG = 65_536; // characters; namespaces and schema locations take about 1,000
const MAX_DURATION_MS = 315_360_000_000; // ten years

export interface MpdFacts {
  readonly kind: 'mpd';
  readonly type: 'static' | 'dynamic';
  readonly minimumUpdatePeriodMs?: number; // 0: a client looks again for every segment
  readonly maxSegmentDurationMs?: number;
  readonly timeShiftBufferDepthMs?: number;
  readonly mediaPresentationDurationMs?: number;
}

/** `error` is one plain sentence; for logs, never for players. */
export interface MpdFault {
  readonly error: string;
}

/** The manifest's facts, or why it is none. Never throws; looks at 128 Ki characters at most. */
export function parseMpd(text: string): MpdFacts | MpdFault {
  const head = text.slice(0, MAX_PROLOG + MAX_START_TAG);
  const open = rootStart(head);
  if (typeof open !== 'number') return open;
  const tag = head.slice(open);
  const name = /^<(?:[A-Za-z_][\w.-]{0,63}:)?MPD(?=[\s/>])/.exec(tag);
  if (name === null) return { error: 'the root element is not MPD' };
  const attributes = startTagAttributes(tag, name[0].length);
  if (attributes === undefined) return { error: 'the start tag of MPD is malformed' };
  const facts: { -readonly [K in keyof MpdFacts]: MpdFacts[K] } = {
    kind: 'mpd',
    type: attributes.get('type') === 'dynamic' ? 'dynamic' : 'static',
  };
  for (const attribute of PERIODS) {
    const ms = durationMs(attributes.get(attribute) ?? '');
    if (ms !== undefined) facts[`${attribute}Ms`] = ms;
  }
  return facts;
}

const PERIODS = [
  'minimumUpdatePeriod',
  'maxSegmentDuration',
  'timeShiftBufferDepth',
  'mediaPresentationDuration',
] as const;

export interface MpdTtls {
  readonly playlist: number; // ms, for manifests that no longer change
  readonly livePlaylistFactor: number; // share of the update period
}

/** When a dynamic manifest names neither an update period nor a segment length. */
const UNKNOWN_PERIOD_MS = 2_000;

/** How long a manifest may be reused, in ms, when the origin does not say. */
export function mpdTtlMs(facts: MpdFacts, ttls: MpdTtls): number {
  if (facts.type === 'static') return ttls.playlist;
  return Math.round(mpdPeriodMs(facts) * ttls.livePlaylistFactor);
}

/** The usual time between two changes of a dynamic manifest, in ms. */
export function mpdPeriodMs({
  minimumUpdatePeriodMs = 0,
  maxSegmentDurationMs = 0,
}: MpdFacts): number {
  return minimumUpdatePeriodMs || maxSegmentDurationMs || UNKNOWN_PERIOD_MS;
}

/** Where the root element opens: past the byte order mark, declaration, comments and doctype. */
function rootStart(text: string): number | MpdFault {
  let at = 0;
  for (;;) {
    while (at < text.length && /[\s\uFEFF]/.test(text.charAt(at))) at += 1;
    if (at > MAX_PROLOG) return { error: 'too much before the root element' };
    if (text.charAt(at) !== '<') return { error: 'not XML' };
    const close = prologClose(text, at);
    if (close === undefined) return at;
    const end = text.indexOf(close, at + 2);
    if (end < 0) return { error: 'unclosed markup before the root element' };
    at = end + close.length;
  }
}

function prologClose(text: string, at: number): string | undefined {
  if (text.startsWith('<!--', at)) return '-->';
  if (text.startsWith('<?', at)) return '?>';
  if (text.startsWith('<!', at)) return '>';
  return undefined;
}

/** Undefined when the tag does not close within bounds or holds something else than attributes. */
function startTagAttributes(tag: string, from: number): ReadonlyMap<string, string> | undefined {
  const attributes = new Map<string, string>();
  const attribute = /\s+([^\s=<>"'/]{1,256})\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
  attribute.lastIndex = from;
  let end = from;
  for (let match = attribute.exec(tag); match !== null; match = attribute.exec(tag)) {
    const [, name = '', double, single] = match;
    attributes.set(name, double ?? single ?? '');
    end = attribute.lastIndex;
  }
  return /^\s{0,1024}\/?>/.test(tag.slice(end, end + 1_032)) ? attributes : undefined;
}

/** xs:duration without sign; a year is 365 days and a month 30. Undefined when malformed. */
function durationMs(text: string): number | undefined {
  if (text.length > 64) return undefined;
  const match =
    /^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d*)?)S)?)?$/.exec(
      text.trim(),
    );
  if (match === null) return undefined;
  const units = [31_536_000, 2_592_000, 86_400, 3_600, 60, 1];
  let seconds = 0;
  for (const [index, unit] of units.entries()) seconds += Number(match[index + 1] ?? 0) * unit;
  return Math.min(Math.round(seconds * 1_000), MAX_DURATION_MS);
}
