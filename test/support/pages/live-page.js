/**
 * Many players beside each other on one page, so that all of them have the same thread, clock and
 * machine. window.begin(plays) starts them at once, window.result() tells what each has been through.
 */
import { MediaPlayer } from './dash.js';
import Hls from './hls.mjs';

const { shaka, videojs } = window;

/** A picture that stands for longer, with nothing to show next, is a stall. */
const STALL_MS = 250;
/** So long after its first picture a player may still look for its place in the stream. */
const STARTING_MS = 5_000;
/**
 * Nothing falls out of the list of such a stream: a player would stay where it happened to begin. And
 * Chromium makes of a range of a file that grew, by luck, all of it (If-Range), and hls.js leaps.
 */
const ONE_FILE = {
  ...{ liveSyncDurationCount: 3, liveMaxLatencyDurationCount: 5 },
  maxLiveSyncPlaybackRate: 1.5,
};
const SAMPLE_MS = 50;
const FRAME_SAMPLE_MS = 500;
/** The picture is a frame number: so many bars, each a bit, from the lowest. */
const BARS = 10;
const BAR_PIXELS = 16;

const canvas = new OffscreenCanvas(BARS * BAR_PIXELS, 96).getContext('2d', {
  willReadFrequently: true,
});
const watches = [];

const PLAYERS = {
  'hls.js': (video, source, fail) => {
    const hls = new Hls(source.includes('/one/') ? ONE_FILE : {});
    hls.on(Hls.Events.ERROR, (_, { details, fatal, response }) => {
      if (fatal) fail(`${details}, status ${response?.code ?? 'none'}`);
    });
    hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
    hls.loadSource(source);
    hls.attachMedia(video);
  },
  Shaka: async (video, source, fail) => {
    shaka.polyfill.installAll();
    const player = new shaka.Player();
    player.addEventListener('error', ({ detail }) => {
      if (detail.severity === shaka.util.Error.Severity.CRITICAL) fail(`${detail.code}`);
    });
    await player.attach(video);
    await player.load(source);
    await video.play();
  },
  'dash.js': (video, source, fail) => {
    const player = MediaPlayer().create();
    player.updateSettings({ debug: { logLevel: 0 } });
    player.on(MediaPlayer.events.ERROR, ({ error }) => fail(`${error.code}: ${error.message}`));
    player.initialize(video, source, true);
  },
  'video.js': (video, source, fail) => {
    const type = source.endsWith('.mpd') ? 'application/dash+xml' : 'application/x-mpegURL';
    const player = videojs(video, {
      autoplay: 'muted',
      html5: { vhs: { overrideNative: true } },
    });
    player.on('error', () => fail(player.error()?.message ?? 'unknown'));
    player.src({ src: source, type });
  },
};

class Watch {
  constructor({ player, source }) {
    const video = document.createElement('video');
    Object.assign(video, { muted: true, playsInline: true, width: 160, height: 96 });
    document.body.append(video);
    this.video = video;
    this.errors = [];
    this.frames = []; // [when it was seen in ms, its number]
    this.startStalls = 0;
    this.stalls = 0;
    this.stallMs = 0;
    this.startedMs = 0;
    this.lastTime = 0;
    this.movedMs = 0;
    const fail = (text) => this.errors.push(text);
    Promise.resolve(PLAYERS[player](video, source, fail)).catch((error) => fail(String(error)));
  }

  look(nowMs) {
    const { video } = this;
    if (video.currentTime !== this.lastTime || video.seeking) {
      const stoodMs = nowMs - this.movedMs;
      if (this.stalled) this.stallMs += stoodMs;
      this.stalled = false;
      if (this.startedMs === 0 && this.lastTime > 0) this.startedMs = nowMs;
      this.lastTime = video.currentTime;
      this.movedMs = nowMs;
      return;
    }
    if (this.startedMs === 0 || this.stalled || nowMs - this.movedMs < STALL_MS) return;
    // A decoder that is late on a busy machine has the media it needs.
    if (video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) return;
    this.stalled = true;
    if (nowMs - this.startedMs < STARTING_MS) this.startStalls += 1;
    else this.stalls += 1;
  }

  readFrame(nowMs) {
    if (this.startedMs === 0 || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    canvas.drawImage(this.video, 0, 0, BARS * BAR_PIXELS, 96);
    const { data } = canvas.getImageData(0, 48, BARS * BAR_PIXELS, 1);
    let number = 0;
    for (let bar = 0; bar < BARS; bar += 1) {
      if (data[(bar * BAR_PIXELS + BAR_PIXELS / 2) * 4] > 128) number |= 1 << bar;
    }
    this.frames.push([nowMs, number]);
  }

  result(nowMs) {
    const { errors, frames, startStalls, stalls, stallMs, startedMs } = this;
    const standsMs = this.stalled ? nowMs - this.movedMs : 0;
    const watchedMs = startedMs === 0 ? 0 : nowMs - startedMs;
    return { errors, frames, startStalls, stalls, stallMs: stallMs + standsMs, watchedMs };
  }
}

window.begin = (plays) => {
  for (const play of plays) watches.push(new Watch(play));
  setInterval(() => {
    const nowMs = performance.now();
    for (const watch of watches) watch.look(nowMs);
  }, SAMPLE_MS);
  setInterval(() => {
    const nowMs = performance.now();
    for (const watch of watches) watch.readFrame(nowMs);
  }, FRAME_SAMPLE_MS);
};
window.allStarted = () =>
  watches.every(({ startedMs, errors }) => startedMs > 0 || errors.length > 0);
window.result = () => watches.map((watch) => watch.result(performance.now()));
