import { MediaPlayer } from './dash.js';
import { errors, source, video } from './report.js';

const player = MediaPlayer().create();
player.on(MediaPlayer.events.ERROR, ({ error }) => errors.push(`${error.code}: ${error.message}`));
player.initialize(video, source, true);
window.dash = player;
