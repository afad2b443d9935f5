/** What a command has of the process around it. Tests hand in their own. */
import type { Config } from '../config/config.js';
import type { LastResort } from '../control/last-resort.js';
import type { Logger } from '../telemetry/log.js';

/** What `serve` needs of a running gateway. */
export interface Served {
  readonly url: string;
  readonly adminUrl: string | undefined;
  readonly closed: Promise<{ readonly exitCode: number }>;
  stop(reason: string): Promise<void>;
}

export type StartGateway = (
  config: Config,
  deps: { readonly log: Logger; readonly lastResort: LastResort },
) => Promise<Served>;

/** Signals and faults of the process. */
export type ProcessEvents = Pick<NodeJS.EventEmitter, 'on' | 'off'>;

/** How a process ends that does not end by itself: always with a failure. */
export interface Ending {
  /** At once. */
  now(): void;
  /** So long after a signal to stop, even if this thread hangs by then. */
  afterSignal(patienceMs: number): void;
}

export interface Terminal {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly process: ProcessEvents;
  readonly ending: Ending;
  readonly loadGateway: () => Promise<StartGateway>; // loads sockets and threads: only `serve` pays
}

/** Where a command leaves the exit code of a run that did not throw. */
export interface CommandOutcome {
  exitCode: number;
}

/** 0 done; 1 it failed; 2 the command line or the configuration is wrong. */
export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;
