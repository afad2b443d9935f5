import Hls from './hls.mjs';
import { errors, source, video } from './report.js';

const hls = new Hls();
hls.on(Hls.Events.ERROR, (_, { details, fatal, response }) => {
  if (details === Hls.ErrorDetails.BUFFER_STALLED_ERROR) return; // report.js counts stalls
  if (details === Hls.ErrorDetails.INTERNAL_ABORTED) return; // the rendition changed
  errors.push(`${details}${fatal ? ', fatal' : ''}${response ? `, status ${response.code}` : ''}`);
});
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());
hls.loadSource(source);
hls.attachMedia(video);
window.hls = hls;
