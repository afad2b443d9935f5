/** What an object is to a player, from its path and type alone. Pure; no state, no I/O. */
import mime from 'mime-types';

/**
 * `playlist` is any HLS playlist, `segment` any run of media samples (a whole MP4 file too),
 * `init` an MP4 initialisation segment, `page` what a browser shows or runs.
 */
export type MediaKind =
  | 'playlist'
  | 'mpd'
  | 'segment'
  | 'init'
  | 'key'
  | 'subtitle'
  | 'json'
  | 'image'
  | 'page'
  | 'other';

/** Where the registry behind mime-types is silent, or names something no player expects. */
const MEDIA_TYPES: ReadonlyMap<string, string> = new Map([
  ['m3u8', 'application/vnd.apple.mpegurl'],
  ['m3u', 'application/vnd.apple.mpegurl'],
  ['mpd', 'application/dash+xml'],
  ['m4s', 'video/iso.segment'],
  ['mp4', 'video/mp4'],
  ['m4v', 'video/mp4'],
  ['m4a', 'audio/mp4'],
  ['m4i', 'video/mp4'],
  ['cmfv', 'video/mp4'],
  ['cmfa', 'audio/mp4'],
  ['cmft', 'application/mp4'],
  ['ts', 'video/mp2t'],
  ['aac', 'audio/aac'],
  ['ac3', 'audio/ac3'],
  ['ec3', 'audio/eac3'],
  ['vtt', 'text/vtt'],
  ['webvtt', 'text/vtt'],
  ['ttml', 'application/ttml+xml'],
  ['key', 'application/octet-stream'], // the registry says Apple Keynote
]);

const KIND_OF_TYPE: ReadonlyMap<string, MediaKind> = new Map([
  ['application/vnd.apple.mpegurl', 'playlist'],
  ['application/x-mpegurl', 'playlist'],
  ['application/mpegurl', 'playlist'],
  ['audio/mpegurl', 'playlist'],
  ['audio/x-mpegurl', 'playlist'],
  ['application/dash+xml', 'mpd'],
  ['application/mp4', 'segment'],
  ['text/vtt', 'subtitle'],
  ['application/ttml+xml', 'subtitle'],
  ['application/x-subrip', 'subtitle'],
  ['application/json', 'json'],
  ['text/html', 'page'],
  ['application/xhtml+xml', 'page'],
  ['text/css', 'page'],
  ['text/javascript', 'page'],
  ['application/javascript', 'page'],
  ['application/x-javascript', 'page'],
  ['application/wasm', 'page'],
]);

/** Types a server sends when it does not know: the path says more. */
const VAGUE_TYPES: ReadonlySet<string> = new Set([
  '',
  'application/octet-stream',
  'binary/octet-stream',
  'application/x-binary',
  'application/unknown',
  'text/plain',
]);

const COMPRESSIBLE_TYPES: ReadonlySet<string> = new Set([
  'application/vnd.apple.mpegurl',
  'application/x-mpegurl',
  'application/mpegurl',
  'audio/mpegurl',
  'audio/x-mpegurl',
  'application/javascript',
  'application/x-javascript',
  'application/json',
  'application/xml',
  'application/wasm',
  'application/x-subrip',
  'image/svg+xml',
]);

const MAX_NAME = 255; // characters

/** 'init', 'init-1', 'video_init', 'init0': the word alone, never inside another ('initial'). */
const INIT_NAME = /(?:^|[^a-z0-9])init(?:\d*|[^a-z].*)$/;

/** What the object is to a player. A specific `contentType` wins over the path, a vague one does not. */
export function mediaKind(path: string, contentType?: string): MediaKind {
  const name = safeName(path);
  const declared = essence(contentType ?? '');
  const vague = isVagueType(declared);
  if (vague && extensionOf(name) === 'key') return 'key';
  const kind = kindOfType(vague ? typeOfName(name) : declared);
  return kind === 'segment' && isInitName(name) ? 'init' : kind;
}

/** True for no type, and for those a server sends when it does not know. */
export function isVagueType(contentType: string): boolean {
  return VAGUE_TYPES.has(essence(contentType));
}

/**
 * True when the type itself says that it is media: samples, subtitles. Such bytes are the same for
 * every viewer. Playlists are not: whose they are may stand in their URIs.
 */
export function isMediaType(contentType: string): boolean {
  const kind = kindOfType(essence(contentType));
  return kind === 'segment' || kind === 'subtitle';
}

/** The media type to declare for a file of this name; `application/octet-stream` when unknown. */
export function contentTypeOf(path: string): string {
  return typeOfName(fileName(path));
}

/** As `contentTypeOf`, for a path that may name something else than a file to whoever answers. */
export function guessTypeOf(path: string): string {
  return typeOfName(safeName(path));
}

function typeOfName(name: string): string {
  const extension = extensionOf(name);
  if (extension === '') return 'application/octet-stream';
  const known = MEDIA_TYPES.get(extension);
  if (known !== undefined) return known;
  const registered = mime.lookup(`.${extension}`);
  return registered === false ? 'application/octet-stream' : registered;
}

/** True when gzip or brotli pays: text, playlists, manifests, JSON, XML. Media never. */
export function isCompressible(contentType: string): boolean {
  const type = essence(contentType);
  if (type === 'text/event-stream') return false; // must flush per event
  if (type.startsWith('text/') || COMPRESSIBLE_TYPES.has(type)) return true;
  return type.endsWith('+json') || type.endsWith('+xml');
}

function kindOfType(type: string): MediaKind {
  const kind = KIND_OF_TYPE.get(type);
  if (kind !== undefined) return kind;
  if (type.startsWith('video/') || type.startsWith('audio/')) return 'segment';
  if (type.startsWith('image/')) return 'image';
  return type.endsWith('+json') ? 'json' : 'other';
}

function isInitName(name: string): boolean {
  const extension = extensionOf(name);
  if (extension === 'm4i') return true;
  return INIT_NAME.test(name.slice(0, name.length - extension.length - 1).toLowerCase());
}

/** `type/subtype` in lower case, without parameters. */
function essence(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

/** Last path component without query; its end only, as hostile paths may be long. */
function fileName(path: string): string {
  return lastComponent(path).slice(-MAX_NAME);
}

function lastComponent(path: string): string {
  const query = path.indexOf('?');
  const end = query < 0 ? path.length : query;
  return path.slice(path.lastIndexOf('/', end - 1) + 1, end);
}

/** ';', '?', '#' and '/', raw or escaped once or twice, and escaped controls. */
const DELIMITER = /;|%(?:25)*(?:3[BbFf]|23|2[Ff]|[01][0-9A-Fa-f])/;

/** The name up to where some server may end it: `/account;x.ts` is `/account` to many. */
function safeName(path: string): string {
  const name = lastComponent(path);
  return name.slice(0, DELIMITER.exec(name)?.index ?? name.length).slice(-MAX_NAME);
}

function extensionOf(name: string): string {
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot + 1).toLowerCase();
}
