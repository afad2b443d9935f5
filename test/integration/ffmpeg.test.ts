/** Real ffmpeg as a client: it reads to the end, seeks, and sees what it would see in the file. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { decode, runFfmpeg, type Track } from '../support/ffmpeg.js';
import { startGateway } from '../support/gateway.js';
import { startLoggedNginx } from '../support/logged-nginx.js';
import { startNginx } from '../support/nginx.js';

const SAMPLE = fileURLToPath(new URL('../../src/web/sample/', import.meta.url));
const SAMPLE_SECONDS = 14;
const SAMPLE_FRAMES = 350;
const MOVIE_SECONDS = 60;
/** Shards that hold a movie, on any machine. */
const ROOM = ['--cache-memory', '512MiB', '--shards', '4'];

t.setTimeout(240_000);

t.test('ffmpeg reads every rendition of the bundled sample to its end', async (t) => {
  const { url } = await startGateway(t);
  await readSample(t, `${url}/sample`);
});

t.test('ffmpeg reads every rendition of it through the gateway in front of nginx', async (t) => {
  const nginx = await startNginx({ root: SAMPLE });
  t.teardown(() => nginx.stop());
  const { url } = await startGateway(t, { args: [nginx.url] });
  await readSample(t, url);
  await t.test('and again from the cache when the origin has gone', async (t) => {
    await nginx.stop();
    await readSample(t, url);
  });
});

const movies = t.testdir({});
await makeMovies();

t.test('ffmpeg reads a whole MP4 file through the gateway', async (t) => {
  const nginx = await startNginx({ root: movies });
  t.teardown(() => nginx.stop());
  const { url } = await startGateway(t, { args: [nginx.url, ...ROOM] });
  const read = await decode(t, `${url}/index-last.mp4`);
  sameTracks(t, read, await decode(t, join(movies, 'index-last.mp4')));
  t.ok(Math.abs((read[0]?.seconds ?? 0) - MOVIE_SECONDS) < 0.1, `${read[0]?.seconds ?? 0} s`);
});

for (const name of ['index-last.mp4', 'index-first.mp4']) {
  t.test(
    `ffmpeg seeks in ${name}, and the origin sends little more than what it sees`,
    async (t) => {
      const file = join(movies, name);
      const { size } = await stat(file);
      // As over a network: at loopback's speed all of it would be here before the client's seek.
      const nginx = await startLoggedNginx(t, { root: movies, config: 'limit_rate 2m;' });
      const { url } = await startGateway(t, { args: [nginx.url, ...ROOM] });

      /** What the origin sent for this cut. */
      const seek = async (second: number, seconds: number): Promise<number> => {
        const before = sent(await nginx.requests());
        const cut = { before: ['-ss', String(second)], after: ['-t', String(seconds)] };
        sameTracks(t, await decode(t, `${url}/${name}`, cut), await decode(t, file, cut));
        await nginx.idle();
        const bytes = sent(await nginx.requests()) - before;
        t.comment(`${seconds} s from ${second} s cost the origin ${bytes} of ${size} bytes`);
        return bytes;
      };

      for (const second of [1, MOVIE_SECONDS / 2]) t.ok((await seek(second, 1)) < size / 4);
      const end = await seek(MOVIE_SECONDS - 5, MOVIE_SECONDS);
      t.ok(end < size / 4);
      t.ok((await seek(MOVIE_SECONDS - 5, MOVIE_SECONDS)) < end / 2, 'the end is in the cache');
      const parts = (await nginx.requests()).filter(({ status }) => status === 206);
      t.ok(parts.length > 0, 'it was asked for parts');
    },
  );
}

async function readSample(t: Test, base: string): Promise<void> {
  for (const playlist of ['master.m3u8', 'manifest.mpd']) {
    const read = await decode(t, `${base}/${playlist}`);
    const kinds = read.map(({ kind }) => kind).sort();
    t.strictSame(kinds, ['audio', 'video', 'video', 'video'], `all renditions of ${playlist}`);
    for (const { kind, seconds, frames } of read) {
      t.ok(Math.abs(seconds - SAMPLE_SECONDS) < 0.1, `${kind} of ${playlist}: ${seconds} s`);
      if (kind === 'video') t.equal(frames.length, SAMPLE_FRAMES);
    }
    // Of local manifests ffmpeg refuses the subtitles by their name, unless told otherwise.
    const before = playlist.endsWith('.mpd') ? ['-allowed_extensions', 'ALL'] : [];
    sameTracks(t, read, await decode(t, join(SAMPLE, playlist), { before }));
  }
}

function sameTracks(t: Test, read: readonly Track[], want: readonly Track[]): void {
  t.equal(read.length, want.length);
  for (const [index, { kind, frames }] of want.entries()) {
    t.ok(frames.length > 0, `${kind} was decoded`);
    t.equal(read[index]?.frames.join('\n'), frames.join('\n'), `the same frames of ${kind}`);
  }
}

/** A minute of moving noise, about 25 MB; its index is behind the media in one, before in the other. */
async function makeMovies(): Promise<void> {
  const picture = `testsrc2=size=640x360:rate=25:duration=${MOVIE_SECONDS},noise=alls=10:allf=t`;
  const sound = `sine=duration=${MOVIE_SECONDS}`;
  const last = join(movies, 'index-last.mp4');
  const first = join(movies, 'index-first.mp4');
  const made = ['-c:v', 'mpeg4', '-g', '25', '-b:v', '3200k', '-c:a', 'aac', last];
  const runs = [
    ['-f', 'lavfi', '-i', picture, '-f', 'lavfi', '-i', sound, ...made],
    ['-i', last, '-c', 'copy', '-movflags', '+faststart', first],
  ];
  for (const args of runs) {
    const end = await runFfmpeg(t, args);
    if (end.code !== 0) throw new Error(`ffmpeg ended with ${end.code}: ${end.warnings}`);
  }
}

function sent(requests: readonly { bytes: number }[]): number {
  return requests.reduce((sum, { bytes }) => sum + bytes, 0);
}
