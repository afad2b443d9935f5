/** A real nginx of our own: one process, its own prefix, port and log, gone with `stop`. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.js';

export interface NginxOptions {
  readonly root?: string; // directory served at '/', unless `config` says otherwise
  readonly config?: string; // directives for the one `server` block
  readonly http?: string; // directives for the `http` block
  readonly port?: number; // for a restart on the same port
}

export interface Nginx {
  readonly url: string; // http://127.0.0.1:port
  readonly port: number;
  readonly pid: number;
  /** Kills the process and removes its files. A second call does nothing. */
  stop(): Promise<void>;
}

const START_ATTEMPTS = 5; // the free port may be taken meanwhile
const READY_MS = 10_000;
const RETRY_MS = 20;

/** Starts nginx and resolves when it listens. Rejects with its error log. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(port, options);
    } catch (error) {
      if (attempt === START_ATTEMPTS || options.port !== undefined) throw error;
    }
  }
}

async function startOn(port: number, options: NginxOptions): Promise<Nginx> {
  const prefix = await mkdtemp(join(tmpdir(), 'headgate-nginx-'));
  await mkdir(join(prefix, 'logs'));
  await writeFile(join(prefix, 'nginx.conf'), configFile(port, options));
  const child = spawn('nginx', ['-p', prefix, '-c', join(prefix, 'nginx.conf')], {
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL'); // a single process: there is no worker to orphan
    await exited.catch(() => undefined);
    await rm(prefix, { recursive: true, force: true });
  };
  try {
    await ready(prefix, child);
  } catch (cause) {
    const log = await readFile(join(prefix, 'logs', 'error.log'), 'utf8').catch(() => 'no log');
    await stop();
    throw new Error(`nginx did not start: ${log}`, { cause });
  }
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    stop: () => (stopped ??= stop()),
  };
}

function configFile(port: number, { root, config, http }: NginxOptions): string {
  return `daemon off;
master_process off;
worker_processes 1;
error_log logs/error.log warn;
pid nginx.pid;
events { worker_connections 1024; }
http {
  types {
    application/vnd.apple.mpegurl m3u8;
    application/dash+xml mpd;
    video/mp4 mp4;
    video/iso.segment m4s;
    text/vtt vtt;
    text/plain txt;
  }
  default_type application/octet-stream;
  access_log off;
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  ${http ?? ''}
  server {
    listen 127.0.0.1:${port};
    ${root === undefined ? '' : `root ${root};`}
    ${config ?? ''}
  }
}
`;
}

/** nginx writes its pid once it listens; whoever else has the port cannot be taken for it. */
async function ready(prefix: string, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const pid = await readFile(join(prefix, 'nginx.pid'), 'utf8').catch(() => '');
    if (Number(pid) === child.pid) return;
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS)); // it tells nobody that it is up
  }
  throw new Error('no pid file');
}
