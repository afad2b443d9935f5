/** What must hold between settings, and of the files they name. */
import type { Config } from './config.js';
import type { Finding } from './faults.js';
import { formatListen, formatSize, isLoopback } from './units.js';

interface Rule {
  readonly reads: readonly string[]; // not judged while one of these is at fault itself
  readonly find: (config: Config) => Finding | undefined;
}

const MIB = 2 ** 20;
const MIN_SHARD_BYTES = 65_536;
/** In less, an origin is asked more often than its bytes are worth. */
const MIN_SLICE_BYTES = 65_536;
/** A body's length is counted in 31 bits of shared memory. */
export const MAX_OBJECT_BYTES = 2_147_479_552;

const RULES: readonly Rule[] = [
  {
    reads: ['admin.listen', 'admin.token'],
    find: ({ admin }) =>
      admin.listen === false || isLoopback(admin.listen.host) || admin.token !== ''
        ? undefined
        : {
            path: 'admin.token',
            want: `a token, because ${formatListen(admin.listen)} is not a loopback address`,
            got: 'none',
            of: 'admin.listen',
          },
  },
  {
    reads: ['tls.cert', 'tls.key'],
    find: ({ tls }) => {
      if ((tls.cert === '') === (tls.key === '')) return undefined;
      const [missing, given] = tls.cert === '' ? ['cert', 'key'] : ['key', 'cert'];
      return {
        path: `tls.${missing}`,
        want: `a file name, because tls.${given} has one`,
        got: 'none',
        of: `tls.${given}`,
      };
    },
  },
  {
    reads: ['listen', 'admin.listen'],
    find: ({ listen, admin }) =>
      admin.listen === false || listen.port === 0 || listen.port !== admin.listen.port
        ? undefined
        : {
            path: 'admin.listen',
            want: 'another port than listen has',
            got: formatListen(admin.listen),
          },
  },
  {
    reads: ['cache.memory', 'shards'],
    find: ({ cache, shards }) =>
      cache.memory / shards >= MIN_SHARD_BYTES
        ? undefined
        : {
            path: 'cache.memory',
            want: `at least ${formatSize(MIN_SHARD_BYTES)} for each of ${shards} shards`,
            got: formatSize(cache.memory),
          },
  },
  {
    reads: ['cache.maxObject'],
    find: ({ cache }) =>
      cache.maxObject <= MAX_OBJECT_BYTES
        ? undefined
        : {
            path: 'cache.maxObject',
            want: `at most ${formatSize(MAX_OBJECT_BYTES)}`,
            got: formatSize(cache.maxObject),
          },
  },
  {
    reads: ['cache.memory', 'shards', 'cache.maxObject'],
    find: ({ cache, shards }) =>
      cache.maxObject <= cache.memory / shards
        ? undefined
        : {
            path: 'cache.maxObject',
            want: `at most ${formatSize(Math.floor(cache.memory / shards))}, the memory of one shard`,
            got: formatSize(cache.maxObject),
          },
  },
  {
    // Of memory and shards, too: without a word on maxObject they decide it.
    reads: ['cache.sliceSize', 'cache.maxObject', 'cache.memory', 'shards'],
    find: ({ cache: { sliceSize, maxObject } }) => {
      const least = Math.min(MIN_SLICE_BYTES, maxObject);
      if (sliceSize === 0 || (sliceSize >= least && sliceSize <= maxObject)) return undefined;
      return {
        path: 'cache.sliceSize',
        want: `0, or ${formatSize(least)} to ${formatSize(maxObject)}, the value of cache.maxObject`,
        got: formatSize(sliceSize),
      };
    },
  },
  {
    reads: ['limits.url', 'limits.header'],
    find: ({ limits }) => atMost('limits.url', limits.url, 'limits.header', limits.header),
  },
  {
    reads: ['compression.minSize', 'compression.maxSize'],
    find: ({ compression: { minSize, maxSize } }) =>
      atMost('compression.minSize', minSize, 'compression.maxSize', maxSize),
  },
];

function atMost(path: string, value: number, other: string, limit: number): Finding | undefined {
  if (value <= limit) return undefined;
  return { path, want: `at most ${other}, ${formatSize(limit)}`, got: formatSize(value) };
}

/** Faults between settings; `faulty` names the settings that are wrong in themselves. */
export function judgeRules(config: Config, faulty: ReadonlySet<string>): Finding[] {
  return RULES.filter((rule) => !rule.reads.some((path) => faulty.has(path))).flatMap(
    (rule) => rule.find(config) ?? [],
  );
}

/** What shared memory, and the books beside it, take of a machine for each byte of cache.memory. */
const MEMORY_COST = 1.06;

/** A cache that no machine of `memoryBytes` can hold: the kernel would end the process as it fills. */
export function judgeMemory({ cache }: Config, memoryBytes: number): Finding[] {
  if (cache.memory * MEMORY_COST <= memoryBytes) return [];
  const most = inMib(memoryBytes / MEMORY_COST);
  const want = `at most ${most}, as there are ${inMib(memoryBytes)} of memory and books take 6 %`;
  return [{ path: 'cache.memory', want, got: formatSize(cache.memory) }];
}

function inMib(bytes: number): string {
  return formatSize(Math.floor(bytes / MIB) * MIB);
}

export type FileKind = 'file' | 'directory' | 'missing' | 'unreadable';

/** Faults of the files and directories that a configuration names. */
export function judgeFiles(config: Config, probe: (name: string) => FileKind): Finding[] {
  const origins = config.origins
    .map((name, index) => ({ path: `origins[${index}]`, name, kind: 'directory', of: 'origins' }))
    .filter(({ name }) => !/^https?:\/\//i.test(name));
  const named = [
    { path: 'tls.cert', name: config.tls.cert, kind: 'file' },
    { path: 'tls.key', name: config.tls.key, kind: 'file' },
    ...origins,
  ];
  return named.flatMap(({ name, kind, ...rest }) => {
    const found = name === '' ? kind : probe(name);
    return found === kind
      ? []
      : [{ ...rest, want: `a readable ${kind}`, got: `'${name}', ${describeKind(found)}` }];
  });
}

function describeKind(kind: string): string {
  return kind === 'file' || kind === 'directory' ? `a ${kind}` : kind;
}
