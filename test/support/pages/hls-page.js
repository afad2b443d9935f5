import Hls from './hls.mjs';
import { errors, source, video } from './report.js';

const seconds = Number(new URLSearchParams(location.search).get('buffer') ?? 0);
const bounds = { maxBufferLength: seconds, maxMaxBufferLength: seconds };
const hls = new Hls(seconds > 0 ? bounds : {});
hls.on(Hls.Events.ERROR, (_, { details, fatal, response }) => {
  if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return; // report.js counts stalls
  if (details === Hls.ErrorDetails.INTERNAL_ABORTED) return; // the rendition changed
  errors.push(`${details}${fatal ? ', fatal' : ''}${response ? `, status ${response.code}` : ''}`);
});
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
hls.loadSource(source);
hls.attachMedia(video);
window.hls = hls;
