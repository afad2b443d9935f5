/** Serves test/support/pages/ with hls.js and dash.js beside them, on an origin of their own. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { contentTypeOf } from '../../src/media/kind.js';

const FILES: ReadonlyMap<string, URL> = new Map([
  ...['hls.html', 'hls-page.js', 'dash.html', 'dash-page.js', 'report.js'].map(
    (name): [string, URL] => [`/${name}`, new URL(`pages/${name}`, import.meta.url)],
  ),
  ['/hls.mjs', new URL('../../node_modules/hls.js/dist/hls.mjs', import.meta.url)],
  [
    '/dash.js',
    new URL('../../node_modules/dashjs/dist/modern/esm/dash.mediaplayer.min.js', import.meta.url),
  ],
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
  readonly close: () => Promise<void>;
}

export async function servePlayerPages(): Promise<PlayerPages> {
  const server = createServer((request, response) => {
    const pathname = new URL(request.url ?? '/', 'http://pages').pathname;
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
    async close() {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}
