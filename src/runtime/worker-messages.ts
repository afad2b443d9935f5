/** What the main thread and an edge worker say to each other over the worker's control port. */
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../errors.js';

export type WorkerPurge = (
  | { readonly keys: readonly string[] }
  | { readonly prefix: string } // '': everything
) & { readonly soft: boolean; readonly everyHost: boolean };

/** What one worker thinks of one origin. */
export interface OriginStatus {
  readonly name: string; // host and port, or the directory
  /** `resting`: it does not answer in time and is asked last; `down`: it fails and is only probed. */
  readonly state: 'well' | 'resting' | 'down';
  readonly failures: number; // in the breaker's window
  readonly firstByteP50Ms: number | undefined; // undefined: too few answers
  readonly firstByteP99Ms: number | undefined;
}

export type ToWorker =
  | { readonly kind: 'peer'; readonly index: number; readonly port: MessagePort }
  /** Its thread has ended. Answered by `forgotten`; before that it gets no successor. */
  | { readonly kind: 'peer-down'; readonly index: number }
  | { readonly kind: 'listen'; readonly host: string; readonly port: number }
  | { readonly kind: 'purge'; readonly id: number; readonly order: WorkerPurge }
  /** All shards of all workers have purged; answered by `purged`, too. */
  | { readonly kind: 'purge-over'; readonly id: number }
  /** Serve what is in flight, close the app, say `drained`; others may still need the shards. */
  | { readonly kind: 'stop'; readonly deadlineMs: number }
  | { readonly kind: 'end' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'listen-failed'; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'purged'; readonly id: number; readonly count: number }
  /** Once a second, when there are origins that can be well or not. */
  | { readonly kind: 'origins'; readonly origins: readonly OriginStatus[] }
  | { readonly kind: 'forgotten'; readonly index: number }
  | { readonly kind: 'drained' };
