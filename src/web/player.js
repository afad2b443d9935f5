/**
 * The page at '/': plays a stream with hls.js (or natively) and shows what the gateway did for it.
 * Plain ES module; the browser is the only thing that builds it. Tests read window.headgatePlayer.
 */
import Hls from '/headgate/hls.mjs';

const DEFAULT_SOURCE = '/sample/master.m3u8';
const KEPT_SEGMENTS = 200; // in memory and in the table
const KEPT_ERRORS = 20;
const TICK_MS = 250;
const CHART_POINTS = 240; // a minute of ticks

const at = (id) => document.getElementById(id);
const video = at('video');

/** Everything the page knows; rendered by render(), reset by load(). */
const state = newState();
let hls; // undefined while the browser plays HLS by itself
let recoveredAtMs = -Infinity;

function newState() {
  return {
    started: false,
    ended: false,
    stalls: 0,
    stalled: false,
    errors: [],
    segments: [],
    buffer: [],
  };
}

window.headgatePlayer = {
  get hls() {
    return hls;
  },
  video,
  /** `cacheStatus` is the newest segment's; `segments` newest first, at most 200. */
  stats: () => ({
    ended: state.ended,
    stalls: state.stalls,
    dropped: droppedFrames(),
    buffer: bufferedSeconds(),
    rendition: renditionName(),
    cacheStatus: state.segments[0]?.cacheStatus ?? '',
    errors: [...state.errors],
    currentTime: video.currentTime,
    duration: video.duration,
    segments: state.segments.map((segment) => ({ ...segment })),
  }),
};

// ---- loading ----

function load(source) {
  hls?.destroy();
  hls = undefined;
  Object.assign(state, newState());
  at('errors').hidden = true;
  at('rows').replaceChildren(emptyRow());
  fill(at('rendition'), []);
  fill(at('subtitles'), []);
  const url = sourceUrl(source);
  if (url === undefined) return fail('This is not an http or https address.');
  if (Hls.isSupported()) return loadWithHls(url);
  if (video.canPlayType('application/vnd.apple.mpegurl') === '') {
    return fail('This browser can play HLS neither with Media Source Extensions nor by itself.');
  }
  video.src = url.href;
  at('rows').firstElementChild.firstElementChild.textContent =
    'This browser plays HLS by itself and does not tell about segments.';
  play();
}

function sourceUrl(source) {
  try {
    const url = new URL(source, location.href);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
  } catch {
    return undefined;
  }
}

function loadWithHls(url) {
  // CMCD makes each request its own to the browser's cache, and is no part of the gateway's key:
  // what the table shows is always the gateway's answer. Other servers may not like unknown queries.
  const cmcd = url.origin === location.origin ? { cmcd: { useHeaders: false } } : {};
  hls = new Hls({ renderTextTracksNatively: true, ...cmcd });
  hls.subtitleDisplay = false;
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    showRenditions();
    play();
  });
  hls.on(Hls.Events.SUBTITLE_TRACKS_UPDATED, showSubtitles);
  hls.on(Hls.Events.FRAG_LOADED, (_, loaded) => noteSegment(loaded));
  hls.on(Hls.Events.ERROR, (_, error) => noteError(error));
  hls.loadSource(url.href);
  hls.attachMedia(video);
}

function play() {
  video.play().catch((reason) => {
    if (reason.name === 'NotAllowedError') at('state').textContent = 'Press play';
  });
}

// ---- what happened ----

function noteSegment({ frag, networkDetails, part }) {
  const { loading, loaded } = part?.stats ?? frag.stats;
  const header = (name) => networkDetails?.getResponseHeader?.(name) ?? '';
  state.segments.unshift({
    track: frag.type, // 'main', 'audio' or 'subtitle'
    name: fileName(frag.url),
    url: frag.url,
    status: networkDetails?.status ?? 0,
    cacheStatus: header('cache-status'),
    age: header('age'),
    ttfbMs: Math.max(0, loading.first - loading.start),
    wholeMs: Math.max(0, loading.end - loading.start),
    bytes: loaded,
  });
  state.segments.length = Math.min(state.segments.length, KEPT_SEGMENTS);
  const rows = at('rows');
  rows.querySelector('.empty')?.remove();
  rows.prepend(segmentRow(state.segments[0]));
  while (rows.childElementCount > KEPT_SEGMENTS) rows.lastElementChild.remove();
}

/** Stalls are counted from 'waiting'; requests are given up whenever the rendition changes. */
const NO_FAULT = new Set([
  Hls.ErrorDetails.BUFFER_STALLED_ERROR,
  Hls.ErrorDetails.INTERNAL_ABORTED,
]);

function noteError(error) {
  if (NO_FAULT.has(error.details)) return;
  if (!error.fatal) return note(`${inWords(error)} Trying again.`);
  if (error.type === Hls.ErrorTypes.MEDIA_ERROR && performance.now() - recoveredAtMs > 10_000) {
    recoveredAtMs = performance.now();
    hls.recoverMediaError();
    return note(`${inWords(error)} Starting the decoder again.`);
  }
  hls.stopLoad();
  if (video.readyState === 0) hls.detachMedia(); // nothing to show: no endless spinner either
  fail(inWords(error));
}

function note(sentence) {
  state.errors.push(sentence);
  state.errors.splice(0, state.errors.length - KEPT_ERRORS);
}

/** For what the viewer must know: it stays on the page until the next load. */
function fail(sentence) {
  note(sentence);
  at('errors').textContent = sentence;
  at('errors').hidden = false;
}

const WHAT_FAILED = [
  [/^manifest/, 'The playlist'],
  [/^level/, 'The playlist of this rendition'],
  [/^audioTrack/, 'The audio playlist'],
  [/^subtitleTrack/, 'The subtitle playlist'],
  [/^key/, 'The decryption key'],
  [/^frag/, 'A segment'],
];

function inWords(error) {
  const what = WHAT_FAILED.find(([pattern]) => pattern.test(error.details))?.[1];
  const reason = error.reason ?? error.details;
  if (what === undefined || error.type === Hls.ErrorTypes.MEDIA_ERROR) {
    return `The browser cannot decode this stream: ${reason}.`;
  }
  const url = new URL(error.url ?? error.frag?.url ?? '', location.href);
  const name = `${what} ${url.pathname}`;
  if (error.details.endsWith('TimeOut')) return `${name} took too long to load.`;
  if (error.details.endsWith('ParsingError')) return `${name} is malformed: ${reason}.`;
  return refusalInWords(name, error.response?.code ?? 0);
}

function refusalInWords(name, status) {
  if (status === 404) return `${name} was not found (404).`;
  if (status === 429 || status === 503)
    return `${name} was refused: the server is busy (${status}).`;
  if (status >= 400) return `${name} was refused with status ${status}.`;
  return `${name} could not be loaded: the server did not answer, or forbids this page to read it.`;
}

/** A stall is a stop for lack of media after the first picture; seeks and the end are none. */
video.addEventListener('waiting', () => {
  const atEnd = video.ended || video.currentTime > video.duration - 0.25;
  if (!state.started || state.stalled || video.seeking || atEnd) return;
  if (bufferedSeconds() > 0.5) return; // the decoder is late, not the network
  state.stalled = true;
  state.stalls += 1;
});
video.addEventListener('playing', () => {
  state.started = true;
  state.stalled = false;
  state.ended = false;
});
video.addEventListener('ended', () => {
  state.ended = true;
});
video.addEventListener('error', () => {
  if (hls === undefined)
    fail(`The browser cannot play this stream: ${video.error?.message || 'no reason given'}.`);
});

// ---- choices ----

function showRenditions() {
  const options = hls.levels.map((level, index) => ({
    value: String(index),
    text: levelName(level),
  }));
  fill(at('rendition'), [{ value: '-1', text: 'Automatic' }, ...options]);
  at('rendition').value = '-1';
}

function showSubtitles() {
  const options = hls.subtitleTracks.map(({ name }, index) => ({
    value: String(index),
    text: name,
  }));
  fill(at('subtitles'), options.length === 0 ? [] : [{ value: '-1', text: 'Off' }, ...options]);
  at('subtitles').value = String(hls.subtitleDisplay ? hls.subtitleTrack : -1);
}

function fill(select, options) {
  const shown = options.length === 0 ? [{ value: '', text: 'None' }] : options;
  select.replaceChildren(...shown.map(({ value, text }) => new Option(text, value)));
  select.disabled = options.length === 0;
}

at('rendition').addEventListener('change', (event) => {
  hls.nextLevel = Number(event.target.value); // at the next segment, without a gap
});
at('subtitles').addEventListener('change', (event) => {
  const track = Number(event.target.value);
  hls.subtitleDisplay = track >= 0;
  hls.subtitleTrack = track;
});
at('sound').addEventListener('click', () => {
  video.muted = !video.muted;
});
video.addEventListener('volumechange', () => {
  at('sound').textContent = video.muted ? 'Turn sound on' : 'Turn sound off';
  at('sound').setAttribute('aria-pressed', String(!video.muted));
});
at('again').addEventListener('click', () => load(currentSource()));
at('source').addEventListener('submit', (event) => {
  event.preventDefault();
  const source = at('src').value.trim();
  const address = new URL(location.href);
  if (source === '') address.searchParams.delete('src');
  else address.searchParams.set('src', source);
  history.replaceState(null, '', address);
  load(currentSource());
});

function currentSource() {
  return new URLSearchParams(location.search).get('src') ?? DEFAULT_SOURCE;
}

// ---- numbers ----

function droppedFrames() {
  return video.getVideoPlaybackQuality?.().droppedVideoFrames ?? 0;
}

/** Seconds of media from the playhead on, without a hole. */
function bufferedSeconds() {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index += 1) {
    if (currentTime >= buffered.start(index) - 0.1 && currentTime <= buffered.end(index)) {
      return buffered.end(index) - currentTime;
    }
  }
  return 0;
}

function renditionName() {
  const level = hls?.levels[hls.currentLevel];
  if (level !== undefined) return levelName(level);
  return video.videoHeight > 0 ? `${video.videoHeight}p` : '';
}

function levelName({ height, width, bitrate }) {
  return `${height > 0 ? `${height}p` : width > 0 ? `${width} wide` : 'Audio'}, ${rate(bitrate)}`;
}

function rate(bitsPerSecond) {
  if (!Number.isFinite(bitsPerSecond)) return '–';
  return bitsPerSecond >= 1e6
    ? `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`
    : `${Math.round(bitsPerSecond / 1e3)} kb/s`;
}

function milliseconds(ms) {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`;
}

function fileName(url) {
  return new URL(url).pathname.split('/').pop();
}

/** The nearest cache's word (RFC 9211: the last member): 'hit', a reason to forward, or nothing. */
function cacheVerdict(cacheStatus) {
  const nearest = cacheStatus.split(/,(?=(?:[^"]*"[^"]*")*[^"]*$)/).pop();
  const [, ...parameters] = nearest.split(';').map((parameter) => parameter.trim());
  const forward = parameters.find((parameter) => parameter.startsWith('fwd='))?.slice(4);
  const verdict = parameters.includes('hit') ? 'hit' : (forward ?? '');
  const rest = parameters.filter(
    (parameter) => parameter !== 'hit' && !parameter.startsWith('fwd='),
  );
  return { verdict, detail: rest.join(' ') };
}

// ---- drawing ----

function emptyRow() {
  const row = document.createElement('tr');
  row.className = 'empty';
  row.append(cell('Nothing loaded yet.'));
  row.firstElementChild.colSpan = 7;
  return row;
}

const TRACK_NAMES = { main: 'video', audio: 'audio', subtitle: 'subtitles' };

function segmentRow(segment) {
  const row = document.createElement('tr');
  const { verdict, detail } = cacheVerdict(segment.cacheStatus);
  const cache = cell('');
  cache.title = segment.cacheStatus;
  cache.append(badge(verdict || 'not told', { hit: 'good', '': '' }[verdict] ?? 'warn'));
  if (detail !== '') cache.append(span(detail, 'detail'));
  const status = cell('');
  status.append(badge(String(segment.status), segment.status >= 400 ? 'bad' : ''));
  const object = cell(segment.name, 'object');
  object.title = segment.url;
  object.append(span(TRACK_NAMES[segment.track] ?? segment.track, 'detail'));
  row.append(
    object,
    status,
    cache,
    cell(segment.age === '' ? '–' : `${segment.age} s`, 'number'),
    cell(milliseconds(segment.ttfbMs), 'number'),
    cell(milliseconds(segment.wholeMs), 'number wide'),
    cell(`${(segment.bytes / 1e3).toFixed(1)} kB`, 'number wide'),
  );
  return row;
}

function cell(text, className = '') {
  const td = document.createElement('td');
  td.textContent = text;
  td.className = className;
  return td;
}

function span(text, className) {
  const element = document.createElement('span');
  element.textContent = text;
  element.className = className;
  return element;
}

function badge(text, tone) {
  return span(text, `badge ${tone}`);
}

function stateInWords() {
  if (!at('errors').hidden) return 'Stopped';
  if (state.ended) return 'Ended';
  if (state.stalled) return 'Waiting for data';
  if (!state.started) return video.paused ? 'Press play' : 'Starting';
  return video.paused ? 'Paused' : 'Playing';
}

function render() {
  const buffer = bufferedSeconds();
  state.buffer.push({ seconds: buffer, stalled: state.stalled });
  if (state.buffer.length > CHART_POINTS) state.buffer.shift();
  const known = state.segments.filter(({ cacheStatus }) => cacheStatus !== '');
  const hits = known.filter(({ cacheStatus }) => cacheVerdict(cacheStatus).verdict === 'hit');
  const ttfbs = state.segments.map(({ ttfbMs }) => ttfbMs).sort((a, b) => a - b);
  const facts = {
    state: stateInWords(),
    playing: renditionName() || '–',
    buffer: `${buffer.toFixed(1)} s`,
    stalls: state.stalls,
    dropped: droppedFrames(),
    bandwidth: state.segments.length === 0 ? '–' : rate(hls.bandwidthEstimate),
    hits: known.length === 0 ? '–' : `${hits.length} of ${known.length}`,
    ttfb: ttfbs.length === 0 ? '–' : milliseconds(ttfbs[ttfbs.length >> 1]),
  };
  for (const [id, text] of Object.entries(facts)) at(id).textContent = String(text);
  drawChart(at('chart'), buffer);
}

/** Seconds in the buffer over the last minute, newest at the right; a stall is a red column. */
function drawChart(canvas, buffer) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio;
  canvas.width = width * scale; // also clears
  canvas.height = height * scale;
  canvas.setAttribute('aria-label', `${buffer.toFixed(1)} seconds of video in the buffer`);
  const colour = (name) => getComputedStyle(canvas).getPropertyValue(name);
  const pen = canvas.getContext('2d');
  pen.scale(scale, scale);
  const top = Math.max(10, ...state.buffer.map(({ seconds }) => Math.ceil(seconds / 5) * 5));
  const y = (seconds) => height - 1 - (seconds / top) * (height - 14);
  const step = width / (CHART_POINTS - 1);
  const x = (index) => width - (state.buffer.length - 1 - index) * step;
  pen.font = '11px system-ui, sans-serif';
  for (const seconds of [top, top / 2, 0]) {
    pen.fillStyle = colour('--line');
    pen.fillRect(0, y(seconds), width, 1);
    pen.fillStyle = colour('--muted');
    if (seconds > 0) pen.fillText(`${seconds} s`, 0, y(seconds) - 3);
  }
  pen.fillStyle = colour('--bad');
  for (const [index, { stalled }] of state.buffer.entries()) {
    if (stalled) pen.fillRect(x(index) - step, y(top), step + 1, height);
  }
  pen.beginPath();
  for (const [index, { seconds }] of state.buffer.entries()) pen.lineTo(x(index), y(seconds));
  pen.strokeStyle = colour('--accent');
  pen.lineWidth = 2;
  pen.stroke();
  pen.lineTo(width, height);
  pen.lineTo(x(0), height);
  pen.globalAlpha = 0.18;
  pen.fillStyle = colour('--accent');
  pen.fill();
}

at('src').value = new URLSearchParams(location.search).get('src') ?? '';
load(currentSource());
setInterval(render, TICK_MS);
