/** Serves test/support/pages/ with hls.js and dash.js beside them, on an origin of their own. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { packageRoot } from '../../native/package-root.js';
import { contentTypeOf } from '../../src/media/kind.js';

/** The sources' own: what is built has no pages beside it. */
const PAGES = pathToFileURL(`${packageRoot()}/test/support/`);

const FILES: ReadonlyMap<string, URL> = new Map([
  ...[
    ...['hls.html', 'hls-page.js', 'dash.html', 'dash-page.js', 'report.js'],
    ...['live.html', 'live-page.js'],
  ].map((name): [string, URL] => [`/${name}`, new URL(`pages/${name}`, PAGES)]),
  ['/hls.mjs', new URL('../../node_modules/hls.js/dist/hls.mjs', PAGES)],
  [
    '/dash.js',
    new URL('../players/node_modules/dashjs/dist/modern/esm/dash.mediaplayer.min.js', PAGES),
  ],
  [
    '/shaka.js',
    new URL('../players/node_modules/shaka-player/dist/shaka-player.compiled.js', PAGES),
  ],
  ['/video.js', new URL('../players/node_modules/video.js/dist/video.min.js', PAGES)],
]);

/** What `window.report()` of such a page gives; times in seconds. */
export interface PlayReport {
  readonly currentTime: number;
  readonly duration: number; // Infinity while live, NaN before the first playlist
  readonly buffer: number;
  readonly ended: boolean;
  readonly stalls: number;
  readonly errors: readonly string[];
}

export interface PlayerPages {
  /**
   * The page that plays `source` at once, muted. It is cross-origin: CORS must hold. hls.js loads no
   * more than `buffer` seconds ahead, by default its own half a minute.
   */
  readonly pageFor: (player: 'hls' | 'dash', source: string, buffer?: number) => string;
  /** The page of many players beside each other: see pages/live-page.js. */
  readonly live: string;
  /** What time it is, for the UTCTiming of an MPD (ISO/IEC 23009-1 section 5.8.4.11, http-xsdate). */
  readonly clock: string;
  readonly close: () => Promise<void>;
}

export async function servePlayerPages(): Promise<PlayerPages> {
  const server = createServer((request, response) => {
    const pathname = new URL(request.url ?? '/', 'http://pages').pathname;
    if (pathname === '/clock') {
      response.writeHead(200, { 'access-control-allow-origin': '*' });
      response.end(new Date().toISOString());
      return;
    }
    const file = FILES.get(pathname);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    void readFile(fileURLToPath(file)).then(
      (body) => response.writeHead(200, { 'content-type': contentTypeOf(pathname) }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    pageFor: (player, source, buffer = 0) =>
      `http://127.0.0.1:${port}/${player}.html?src=${encodeURIComponent(source)}&buffer=${buffer}`,
    live: `http://127.0.0.1:${port}/live.html`,
    clock: `http://127.0.0.1:${port}/clock`,
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
