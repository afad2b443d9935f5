/** What a test asks of a page that plays: window.report(). The page pushes to `errors` itself. */
export const video = document.querySelector('video');
export const errors = [];
export const source = new URLSearchParams(location.search).get('src');

let started = false;
let stalls = 0;
let endedByPlayer = false;

/** For a player that ends playback itself, and pauses, before the element comes to its end. */
export function playbackEnded() {
  endedByPlayer = true;
}

function bufferedSeconds() {
  const { buffered, currentTime } = video;
  for (let index = 0; index < buffered.length; index += 1) {
    if (currentTime >= buffered.start(index) - 0.1 && currentTime <= buffered.end(index)) {
      return buffered.end(index) - currentTime;
    }
  }
  return 0;
}

/** A stop for lack of media after the first picture; the end, a seek and a late decoder are none. */
video.addEventListener('waiting', () => {
  const atEnd = video.currentTime > video.duration - 0.25;
  if (started && !video.seeking && !atEnd && bufferedSeconds() <= 0.5) stalls += 1;
});
video.addEventListener('playing', () => {
  started = true;
});
video.addEventListener('error', () => errors.push(`video: ${video.error.message}`));

window.report = () => ({
  currentTime: video.currentTime,
  duration: video.duration,
  buffer: bufferedSeconds(),
  ended: video.ended || endedByPlayer,
  stalls,
  errors: [...errors],
});
