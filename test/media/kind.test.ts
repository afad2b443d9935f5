import t from 'tap';
import fc from 'fast-check';
import {
  contentTypeOf,
  guessTypeOf,
  isCompressible,
  isMediaType,
  isVagueType,
  mediaKind,
} from '../../src/media/kind.js';

t.test('mediaKind() tells what an object is to a player', (t) => {
  const rows = [
    ['/a/master.m3u8', undefined, 'playlist', 'by extension'],
    ['/a/MASTER.M3U8', undefined, 'playlist', 'extensions ignore case'],
    ['/a/list.m3u8?x=a.ts', undefined, 'playlist', 'the query is no part of the name'],
    ['/a/list', 'Application/VND.apple.mpegURL; charset=utf-8', 'playlist', 'by type'],
    ['/a/list.m3u8', 'text/html', 'page', 'a specific type wins: an error page sent with 200'],
    ['/a/list.m3u8', 'text/plain', 'playlist', 'a vague type does not'],
    ['/a/list.m3u8', 'application/octet-stream', 'playlist', 'a vague type does not'],
    ['/a/m.mpd', undefined, 'mpd', 'by extension'],
    ['/a/s1.m4s', undefined, 'segment', 'CMAF'],
    ['/a/s1.ts', undefined, 'segment', 'MPEG-2 TS, not a TypeScript file'],
    ['/a/film.mp4', 'video/mp4', 'segment', 'a whole file is samples too'],
    ['/a/init.mp4', 'video/mp4', 'init', 'named so'],
    ['/a/init-v0.m4s', undefined, 'init', 'named so'],
    ['/a/video_init.cmfv', undefined, 'init', 'named so'],
    ['/a/init0.mp4', undefined, 'init', 'ffmpeg numbers them'],
    ['/a/initial.mp4', undefined, 'segment', 'another word'],
    ['/init/s1.m4s', undefined, 'segment', 'a folder is no name'],
    ['/a/x.m4i', undefined, 'init', 'extension for init segments'],
    ['/a/enc.key', undefined, 'key', 'not a Keynote file'],
    ['/a/enc.key', 'application/octet-stream', 'key', 'the type of every key'],
    ['/a/sub.vtt', 'text/vtt; charset=utf-8', 'subtitle', ''],
    ['/a/x.json', undefined, 'json', ''],
    ['/a/x', 'application/problem+json', 'json', 'structured suffix'],
    ['/a/poster.jpg', undefined, 'image', ''],
    ['/', undefined, 'other', 'no name'],
    ['', undefined, 'other', 'no path'],
    ['/index.html', undefined, 'page', ''],
    ['/hls.mjs', undefined, 'page', ''],
    ['/account;x.ts', undefined, 'other', 'a path parameter is no part of the name'],
    ['/v/1.m4s;jsessionid=1.html', undefined, 'segment', 'so it takes no extension away'],
    ['/account%3Bx.ts', 'text/plain', 'other', 'nor escaped'],
    ['/account%253bx.ts', undefined, 'other', 'nor escaped twice'],
    ['/account%3Fx.mp4', 'application/octet-stream', 'other', 'an escaped query'],
    ['/account%3fx.mp4', undefined, 'other', 'in lower case'],
    ['/account%23x.mp4', undefined, 'other', 'an escaped fragment'],
    ['/account%252Fx.mp4', undefined, 'other', 'a slash escaped twice'],
    ['/account%2500x.mp4', undefined, 'other', 'an end of text escaped twice'],
    [`/account;${'x'.repeat(300)}.ts`, undefined, 'other', 'however far from the end'],
    ['/a/film%20one.mp4', undefined, 'segment', 'a blank ends nothing'],
    ['/a/x.constructor', undefined, 'other', 'no prototype look-ups'],
  ] as const;
  for (const [path, type, want, why] of rows) {
    t.equal(mediaKind(path, type), want, `${path} ${type ?? ''}: ${why}`);
  }
  t.end();
});

t.test('contentTypeOf() names the type that players expect', (t) => {
  const rows = [
    ['/a.m3u8', 'application/vnd.apple.mpegurl'],
    ['/a.mpd', 'application/dash+xml'],
    ['/a.m4s', 'video/iso.segment'],
    ['/a.mp4', 'video/mp4'],
    ['/a.m4a', 'audio/mp4'],
    ['/a.ts', 'video/mp2t'],
    ['/a.vtt', 'text/vtt'],
    ['/a.aac', 'audio/aac'],
    ['/a.key', 'application/octet-stream'],
    ['/a.html', 'text/html'],
    ['/a.mjs', 'text/javascript'],
    ['/a.unheard-of', 'application/octet-stream'],
    ['/a', 'application/octet-stream'],
    ['/a.b/c', 'application/octet-stream'],
  ] as const;
  for (const [path, want] of rows) t.equal(contentTypeOf(path), want, path);
  t.end();
});

t.test('contentTypeOf() takes a file by all of its name, guessTypeOf() a path by less', (t) => {
  t.equal(contentTypeOf('/Episode%20%231;cut.mp4'), 'video/mp4');
  t.equal(guessTypeOf('/Episode%20%231;cut.mp4'), 'application/octet-stream');
  t.equal(guessTypeOf('/a/1.m4s'), 'video/iso.segment');
  t.end();
});

t.test('isMediaType() and isVagueType() tell what a type says', (t) => {
  for (const type of ['video/mp4', 'AUDIO/mpeg', 'application/mp4; x=y', 'text/vtt', 'video/x-y']) {
    t.ok(isMediaType(type) && !isVagueType(type), type);
  }
  for (const type of ['', 'text/plain; charset=utf-8', 'application/octet-stream']) {
    t.ok(isVagueType(type) && !isMediaType(type), type);
  }
  const others = ['audio/mpegurl', 'audio/x-mpegurl', 'application/dash+xml', 'text/html'];
  for (const type of [...others, 'application/json', 'image/png', 'xvideo/mp4']) {
    t.notOk(isMediaType(type) || isVagueType(type), type);
  }
  t.end();
});

t.test('isCompressible() holds for text and never for media', (t) => {
  const rows = [
    ['application/vnd.apple.mpegurl', true],
    ['application/dash+xml', true],
    ['Application/JSON; charset=utf-8', true],
    ['text/vtt', true],
    ['image/svg+xml', true],
    ['text/event-stream', false],
    ['video/mp4', false],
    ['video/iso.segment', false],
    ['image/jpeg', false],
    ['application/octet-stream', false],
    ['', false],
  ] as const;
  for (const [type, want] of rows) t.equal(isCompressible(type), want, type);
  t.end();
});

t.test('kinds and types hold for any text', (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), fc.string({ maxLength: 80 }), (path, type) => {
      mediaKind(path, type);
      isCompressible(type);
      return contentTypeOf(path).includes('/');
    }),
  );
  t.end();
});
