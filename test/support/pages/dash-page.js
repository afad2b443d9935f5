import { MediaPlayer } from './dash.js';
import { errors, playbackEnded, source, video } from './report.js';

const player = MediaPlayer().create();
player.on(MediaPlayer.events.ERROR, ({ error }) => errors.push(`${error.code}: ${error.message}`));
// dash.js looks every 200 ms and ends playback then; the element is often not told at all.
player.on(MediaPlayer.events.PLAYBACK_ENDED, ({ isLast }) => isLast && playbackEnded());
player.initialize(video, source, true);
window.dash = player;
