/** Varnish with malloc storage; its VCL only says whether the answer was a hit. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './children.js';
import { freePort, launch, workFolder, type Contender, type RunningServer } from './contender.js';

// A thread is held by every connection that is being written to: room for all readers, and enough
// threads made before the crowd comes. Idle connections live as long as at the other peers.
const SETTINGS = [
  'thread_pool_min=1000',
  'thread_pool_max=6000',
  'listen_depth=4096',
  'timeout_idle=75',
  'nuke_limit=100000', // a large object may take the place of very many small ones
];

export function varnish(): Contender {
  const program = findProgram('varnishd');
  return {
    name: 'varnish',
    cache: true,
    missing: () => (program === undefined ? 'varnish is not installed' : undefined),
    version: () => {
      if (program === undefined) return '';
      return spawnSync(program, ['-V'], { encoding: 'utf8' }).stderr.split('\n')[0] ?? '';
    },
    start: async (plan): Promise<RunningServer> => {
      const folder = workFolder('varnish');
      const port = await freePort();
      const vcl = join(folder, 'bench.vcl');
      writeFileSync(vcl, varnishVcl(plan.originPort));
      const args = ['-F', '-n', join(folder, 'work'), '-f', vcl, '-a', `127.0.0.1:${port}`];
      args.push('-s', `malloc,${Math.ceil(plan.cacheBytes / 1024 / 1024)}M`, '-j', 'none');
      for (const setting of SETTINGS) {
        args.push('-p', setting);
      }
      return launch({ command: program ?? 'varnishd', args, core: plan.core, port, folder });
    },
  };
}

function varnishVcl(originPort: number): string {
  return `vcl 4.1;
backend origin { .host = "127.0.0.1"; .port = "${originPort}"; }
sub vcl_deliver {
  if (obj.hits > 0) { set resp.http.X-Cache = "HIT"; } else { set resp.http.X-Cache = "MISS"; }
}
`;
}
