/** The configuration as every part of the gateway gets it: durations in ms, sizes in bytes, rates 0..1. */

export interface ListenAddress {
  readonly host: string;
  readonly port: number; // 0 = any free port
}

export interface Config {
  readonly listen: ListenAddress;
  readonly admin: { readonly listen: ListenAddress | false; readonly token: string }; // token '' = none
  readonly workers: number; // edge worker threads; 0 = inline on the main thread
  readonly shards: number;
  readonly tls: { readonly cert: string; readonly key: string }; // '' = off
  readonly origins: readonly string[]; // URL or directory, tried in order; empty = bundled sample
  readonly origin: {
    readonly connectTimeout: number;
    readonly headersTimeout: number;
    readonly bodyTimeout: number;
    readonly connections: number;
    readonly keepAlive: number;
    readonly retries: number;
    readonly retryBudget: number;
    readonly preserveHost: boolean;
    readonly breaker: { readonly failures: number; readonly cooldown: number };
  };
  readonly cache: {
    readonly memory: number;
    readonly maxObject: number;
    readonly nearIndex: number; // objects a worker's near index may hold
    readonly name: string; // in Cache-Status and Via
    readonly staleWhileRevalidate: number;
    readonly staleIfError: number;
    readonly ttl: {
      readonly playlist: number;
      readonly livePlaylistFactor: number; // of the target duration
      readonly segment: number;
      readonly init: number;
      readonly key: number;
      readonly notFound: number;
      readonly json: number;
      readonly heuristicFraction: number;
      readonly heuristicMax: number;
    };
  };
  readonly key: {
    readonly query: 'all' | 'none' | readonly string[];
    readonly ignore: readonly string[]; // a trailing '*' makes a name a prefix
    readonly sort: boolean;
    readonly host: boolean;
  };
  readonly compression: {
    readonly enabled: boolean;
    readonly minSize: number;
    readonly maxSize: number;
    readonly brotliQuality: number;
    readonly gzipLevel: number;
  };
  readonly prefetch: { readonly enabled: boolean; readonly concurrency: number };
  readonly limits: {
    readonly header: number;
    readonly url: number;
    readonly body: number;
    readonly headersTimeout: number;
    readonly idleTimeout: number;
    readonly bodyMinRate: number; // bytes per second
    readonly minRate: number; // bytes per second
    readonly minRateGrace: number;
    readonly connections: number; // per worker
    readonly fills: number; // per shard
    readonly queue: number; // per lane
    readonly waiters: number;
    readonly ranges: number;
  };
  readonly log: {
    readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';
    readonly access: number; // sampled fraction 0..1
  };
  readonly shutdown: { readonly deadline: number };
  readonly arena: {
    readonly hugePages: boolean;
    readonly pretouch: boolean;
    readonly pinWorkers: boolean;
  };
}
