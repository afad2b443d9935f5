/** What a command has of the process around it. Tests hand in their own. */
import type { Config } from '../config/config.js';
import type { Logger } from '../telemetry/log.js';

/** What `serve` needs of a running gateway. */
export interface Served {
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly closed: Promise<{ readonly exitCode: number }>;
  stop(reason: string): Promise<void>;
}

export type StartGateway = (config: Config, deps: { readonly log: Logger }) => Promise<Served>;

/** Signals and faults of the process, and the way to end it at once. */
export interface ProcessEvents extends Pick<NodeJS.EventEmitter, 'on' | 'off'> {
  readonly pid: number;
  kill(pid: number, signal: string): unknown;
}

export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly process: ProcessEvents;
  readonly loadGateway: () => Promise<StartGateway>; // loads sockets and threads: only `serve` pays
}

/** Where a command leaves the exit code of a run that did not throw. */
export interface Outcome {
  exitCode: number;
}

/** 0 done; 1 it failed; 2 the command line or the configuration is wrong. */
export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;
