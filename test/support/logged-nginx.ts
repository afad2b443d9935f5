/** nginx as an origin that says afterwards what it was asked for. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Nginx, type NginxOptions, startNginx } from './nginx.js';

/** One finished request, as its origin saw it. */
export interface LoggedRequest {
  readonly path: string;
  readonly status: number;
  readonly bytes: number; // of the body, as far as it was sent
  readonly range: string; // '' = none
  readonly ms: number; // when it ended, since the epoch
}

export interface LoggedNginx extends Nginx {
  /** Those that have ended so far, oldest first. */
  readonly requests: () => Promise<LoggedRequest[]>;
  /** Resolves when it is answering nobody: then the log is complete. */
  readonly idle: () => Promise<void>;
}

const STATUS = '/origin-status';
const POLL_MS = 20;

const FORMAT =
  `log_format facts escape=json '{"path":"$uri","status":$status,"bytes":$body_bytes_sent,` +
  `"range":"$http_range","seconds":$msec}';`;

/** Stopped with the test; its log stays readable until then. */
export async function startLoggedNginx(t: Test, options: NginxOptions): Promise<LoggedNginx> {
  const folder = await mkdtemp(join(tmpdir(), 'headgate-origin-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'origin.log');
  const nginx = await startNginx({
    ...options,
    http: `${FORMAT} ${options.http ?? ''}`,
    config: `access_log ${file} facts; location = ${STATUS} { access_log off; stub_status; }
      ${options.config ?? ''}`,
  });
  t.teardown(() => nginx.stop());
  return { ...nginx, requests: () => readLog(file), idle: () => isIdle(nginx.url + STATUS) };
}

async function isIdle(url: string): Promise<void> {
  for (;;) {
    const text = await (await fetch(url)).text();
    if (/Writing: 1\b/.test(text)) return; // that is this very answer
    await new Promise((resolve) => setTimeout(resolve, POLL_MS)); // it tells nobody
  }
}

async function readLog(file: string): Promise<LoggedRequest[]> {
  const text = await readFile(file, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { seconds, ...request } = JSON.parse(line) as LoggedRequest & { seconds: number };
      return { ...request, ms: seconds * 1_000 };
    });
}
