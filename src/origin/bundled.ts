/** The pages and files that come with the gateway, as an origin: some exact paths, some prefixes. */
import { basename, dirname } from 'node:path';
import type { Clock } from '../runtime/clock.js';
import { openDirectoryOrigin } from './files/directory.js';
import type { Origin, OriginResponse } from './origin.js';
import { plainAnswer } from './plain-answer.js';

export interface BundledContent {
  readonly routes: Readonly<Record<string, string>>; // exact URL path → file
  readonly prefixes: Readonly<Record<string, string>>; // URL path that ends with '/' → directory
}

export interface BundledOptions extends BundledContent {
  readonly name: string;
  readonly clock: Pick<Clock, 'wall'>;
}

/**
 * Routes win over prefixes, longer prefixes over shorter; the rest is 404.
 * @throws GatewayError GW_CONFIG_INVALID when a directory is missing.
 */
export function openBundledOrigin(options: BundledOptions): Origin {
  const { routes, prefixes, name, clock } = options;
  const open = (root: string): Origin => openDirectoryOrigin({ root, name, clock });
  const files = new Map(
    Object.entries(routes).map(([path, file]) => {
      return [
        path,
        { origin: open(dirname(file)), path: `/${encodeURIComponent(basename(file))}` },
      ];
    }),
  );
  const folders = Object.entries(prefixes)
    .sort(([a], [b]) => b.length - a.length)
    .map(([prefix, directory]) => ({ prefix, origin: open(directory) }));

  return {
    async fetch(request, signal) {
      const at = request.target.indexOf('?');
      const path = at === -1 ? request.target : request.target.slice(0, at);
      const file = files.get(path);
      if (file !== undefined) return file.origin.fetch({ ...request, target: file.path }, signal);
      const folder = folders.find(({ prefix }) => path.startsWith(prefix));
      if (folder !== undefined) {
        const target = path.slice(folder.prefix.length - 1);
        const response = await folder.origin.fetch({ ...request, target }, signal);
        return response.status === 301 ? under(folder.prefix, response) : response;
      }
      const { method } = request;
      return plainAnswer({ method, status: 404, name, nowMs: clock.wall() });
    },
    async close() {
      // Nothing is held between requests.
    },
  };
}

/** A folder does not know where it lies. */
function under(prefix: string, response: OriginResponse): OriginResponse {
  const headers = response.headers.map(([name, value]) => {
    return [name, name === 'location' ? prefix.slice(0, -1) + value : value] as const;
  });
  return { ...response, headers };
}
