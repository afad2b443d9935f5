/** nginx as a caching proxy, tuned as its documentation advises; sendfile on or off. What is large is sliced. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from './children.js';
import {
  freePort,
  launch,
  workFolder,
  type Contender,
  type RunningServer,
  type ServerPlan,
} from './contender.js';

export function nginx(sendfile: 'on' | 'off'): Contender {
  const program = findProgram('nginx');
  return {
    name: `nginx sendfile ${sendfile}`,
    cache: true,
    missing: () => (program === undefined ? 'nginx is not installed' : undefined),
    version: () => {
      if (program === undefined) return '';
      return spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr.trim();
    },
    start: async (plan): Promise<RunningServer> => {
      const folder = workFolder('nginx');
      const port = await freePort();
      const config = join(folder, 'nginx.conf');
      for (const name of ['cache', 'temp']) mkdirSync(join(folder, name));
      execFileSync('chmod', ['-R', 'a+rwX', folder]); // its workers may run as another user
      writeFileSync(config, nginxConfig(plan, { folder, port, sendfile }));
      const args = ['-c', config, '-p', folder, '-e', 'stderr', '-g', 'daemon off;'];
      const server = await launch({
        command: program ?? 'nginx',
        args,
        core: plan.core,
        port,
        folder,
      });
      return { ...server, heldBytes: () => sizeOf(join(folder, 'cache')) };
    },
  };
}

/** Bytes of all files below a folder, of which some may go meanwhile. */
function sizeOf(folder: string): number {
  const { stdout } = spawnSync('du', ['-sb', folder], { encoding: 'utf8' });
  return Number.parseInt(stdout, 10);
}

function nginxConfig(
  plan: ServerPlan,
  place: { folder: string; port: number; sendfile: 'on' | 'off' },
): string {
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  return `
${user}
worker_processes ${plan.workers};
worker_rlimit_nofile 20000;
error_log stderr crit;
pid ${place.folder}/nginx.pid;
events { worker_connections 16384; multi_accept on; }
http {
  access_log off;
  sendfile ${place.sendfile};
  tcp_nopush off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 75s;
  reset_timedout_connection on;
  open_file_cache max=16000 inactive=300s;
  open_file_cache_valid 300s;
  open_file_cache_min_uses 1;
  client_body_temp_path ${place.folder}/temp;
  fastcgi_temp_path ${place.folder}/temp;
  scgi_temp_path ${place.folder}/temp;
  uwsgi_temp_path ${place.folder}/temp;
  proxy_temp_path ${place.folder}/temp;
  limit_req_zone $binary_remote_addr zone=viewers:10m rate=1000000r/s;
  proxy_cache_path ${place.folder}/cache levels=2:2 keys_zone=segments:256m
    max_size=${Math.ceil(plan.cacheBytes / 1024 / 1024)}m inactive=24h use_temp_path=off;
  upstream origin { server 127.0.0.1:${plan.originPort}; keepalive 64; }
  server {
    listen 127.0.0.1:${place.port} backlog=4096${plan.workers > 1 ? ' reuseport' : ''};
    location /large/ {
      slice 1m;
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Range $slice_range;
      proxy_cache segments;
      proxy_cache_key $uri$is_args$args$slice_range;
      proxy_cache_valid 200 206 24h;
      proxy_cache_lock on;
    }
    location / {
      limit_req zone=viewers burst=1000000 nodelay;
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_cache segments;
      proxy_cache_key $uri$is_args$args;
      proxy_cache_lock on;
      proxy_cache_lock_timeout 60s;
      proxy_cache_lock_age 60s;
      proxy_cache_revalidate on;
      proxy_cache_use_stale updating error timeout;
      proxy_cache_background_update on;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`;
}
