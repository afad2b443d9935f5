/**
 * The public HTTP caching test suite (cache-tests.fyi) as a library: its origin server as a child
 * process, its client in this one. Knows the layouts of the npm package and of the repository.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** `required`: the specification; `optimal`: good use of it; `check`: only to know. */
export type CaseKind = 'required' | 'optimal' | 'check';

export interface Case {
  readonly id: string;
  readonly kind?: CaseKind; // required when absent
  readonly depends_on?: readonly string[];
  readonly browser_only?: boolean;
}

/** True, or the kind of failure and what was seen instead. */
export type Result = true | readonly [kind: string, message: string];

export interface Suite {
  /** npm: 0.4.5, written for RFC 7234; repository: brought up to RFC 9111 and 9213. */
  readonly edition: 'npm' | 'repository';
  readonly cases: readonly Case[]; // without those for browsers only
  readonly serverScript: string;
  /** Runs every case once against a cache at `base`. One run a process: the client keeps state. */
  readonly run: (base: string, concurrency: number) => Promise<Readonly<Record<string, Result>>>;
}

export interface Process {
  readonly child: ChildProcess;
  readonly stop: () => Promise<void>;
}

type CaseSet = readonly { readonly tests: readonly Case[] }[];

interface Engine {
  readonly runTests: (sets: CaseSet, ...rest: readonly unknown[]) => Promise<void>;
  readonly getResults: () => Readonly<Record<string, Result>>;
}

const STOP_MS = 10_000;

/** The suite in `folder`; by default the one installed as a dependency. */
export async function loadSuite(folder = installedSuite()): Promise<Suite> {
  const repository = existsSync(path.join(folder, 'test-engine'));
  const engineFolder = repository ? path.join(folder, 'test-engine') : folder;
  const runner = path.join(engineFolder, 'client', 'runner.mjs');
  const index = path.join(folder, 'tests', 'index.mjs');
  const engine = (await import(pathToFileURL(runner).href)) as Engine;
  const { default: sets } = (await import(pathToFileURL(index).href)) as { default: CaseSet };
  return {
    edition: repository ? 'repository' : 'npm',
    cases: sets.flatMap(({ tests }) => tests).filter((one) => one.browser_only !== true),
    serverScript: path.join(engineFolder, 'server', 'server.mjs'),
    run: async (base, concurrency) => {
      // The older client is made for node-fetch: a fetch by the book adds Cache-Control of its own.
      const fetchOfSuite: unknown = repository
        ? undefined
        : createRequire(path.join(folder, 'cli.mjs'))('node-fetch');
      await (repository
        ? engine.runTests(sets, false, base, concurrency)
        : engine.runTests(sets, fetchOfSuite, false, base, concurrency));
      return engine.getResults();
    },
  };
}

/** Starts the suite's origin on a free port. */
export async function startSuiteOrigin(suite: Suite): Promise<Process & { readonly port: number }> {
  const env = {
    ...process.env,
    npm_config_protocol: 'http',
    npm_config_port: '0',
    npm_config_pidfile: devNull,
  };
  const server = startProcess(process.execPath, [suite.serverScript], env);
  for await (const line of createInterface({ input: server.output })) {
    const port = /^Listening on http:.*:(\d+)\/$/.exec(line)?.[1];
    if (port === undefined) continue;
    server.output.resume(); // it warns on every odd request; nobody reads it
    return { ...server, port: Number(port) };
  }
  throw new Error('the origin of the test suite ended before it listened');
}

/** A child whose end is waited for: SIGTERM, then SIGKILL when it does not go. */
export function startProcess(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Process & { readonly output: NodeJS.ReadableStream } {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const stop = async (): Promise<void> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.kill('SIGTERM');
    await ended.catch(() => undefined);
    clearTimeout(timer);
  };
  return { child, stop, output: child.stdout };
}

export interface Outcome {
  readonly id: string;
  readonly kind: CaseKind;
  readonly passed: boolean; // and so did everything it depends on
  readonly seen: string; // why not; '' when passed
}

/** What the suite's own display makes of the results: a case counts only if its dependencies do. */
export function outcomes(suite: Suite, results: Readonly<Record<string, Result>>): Outcome[] {
  const byId = new Map(suite.cases.map((one) => [one.id, one]));
  const seenOf = (one: Case): string => {
    const result = results[one.id] ?? ['Missing', 'did not run'];
    if (result !== true) return result.join(': ');
    for (const id of one.depends_on ?? []) {
      const dependency = byId.get(id);
      if (dependency !== undefined && seenOf(dependency) !== '') return `Dependency: ${id}`;
    }
    return '';
  };
  return suite.cases.map((one) => {
    const seen = seenOf(one);
    return { id: one.id, kind: one.kind ?? 'required', passed: seen === '', seen };
  });
}

function installedSuite(): string {
  return path.dirname(fileURLToPath(import.meta.resolve('http-cache-tests/package.json')));
}
