/** What the main thread and an edge worker say to each other over the worker's control port. */
import type { MessagePort } from 'node:worker_threads';
import type { ErrorCode } from '../errors.js';

export type WorkerPurge = (
  | { readonly keys: readonly string[] }
  | { readonly prefix: string } // '': everything
) & { readonly soft: boolean; readonly everyHost: boolean };

export type ToWorker =
  | { readonly kind: 'peer'; readonly index: number; readonly port: MessagePort }
  /** Its thread has ended. Answered by `forgotten`; before that it gets no successor. */
  | { readonly kind: 'peer-down'; readonly index: number }
  | {
      readonly kind: 'arena';
      readonly shard: number;
      readonly epoch: number;
      readonly buffer: SharedArrayBuffer;
    }
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
  | { readonly kind: 'forgotten'; readonly index: number }
  | { readonly kind: 'drained' };
