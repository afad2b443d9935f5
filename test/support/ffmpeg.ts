/** Real ffmpeg: as a client that reads to the end, and as an encoder that writes in real time. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Test } from 'tap';

const PROGRAM = 'ffmpeg'; // Debian's; the step before the tests looks for it
const COMMON = ['-hide_banner', '-nostdin', '-y', '-loglevel', 'warning'];

/** A test, or whoever else ends what it has started. */
interface Scope {
  teardown(close: () => unknown): unknown;
}

export interface FfmpegEnd {
  readonly code: number;
  readonly output: string; // stdout
  readonly warnings: string; // stderr
}

/** Runs it to its end, whatever that is; killed with the test. */
export async function runFfmpeg(t: Test, args: readonly string[]): Promise<FfmpegEnd> {
  const child = start(t, args);
  const output: string[] = [];
  const warnings: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => void warnings.push(text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, output: output.join(''), warnings: warnings.join('') };
}

export interface Track {
  readonly kind: string; // 'video', 'audio'
  readonly seconds: number; // the end of its last frame
  /** One line for each decoded frame: times, size and MD5 of the picture or the samples. */
  readonly frames: readonly string[];
}

/**
 * Decodes all pictures and sound of `input`; `before` are options of the input, such as `-ss`.
 * Rejects unless ffmpeg ended well.
 */
export async function decode(
  t: Test,
  input: string,
  { before = [], after = [] }: { before?: readonly string[]; after?: readonly string[] } = {},
): Promise<Track[]> {
  const maps = ['-map', '0:v', '-map', '0:a', ...after, '-f', 'framemd5', '-'];
  const end = await runFfmpeg(t, ['-xerror', ...before, '-i', input, ...maps]);
  if (end.code !== 0) throw new Error(`ffmpeg ended with ${end.code}: ${end.warnings}`);
  return tracksOf(end.output);
}

/** From a framemd5 listing: a head of `#name stream: value`, then `stream, dts, pts, duration, …`. */
function tracksOf(listing: string): Track[] {
  const valuesOf = (name: string): [string, string][] =>
    [...listing.matchAll(new RegExp(`^#${name} (\\d+): (.+)$`, 'gm'))].map(
      ([, stream = '', value = '']) => [stream, value],
    );
  const frames = new Map<string, string[]>();
  for (const [, stream = '', frame = ''] of listing.matchAll(/^(\d+), *(.+)$/gm)) {
    const own = frames.get(stream);
    if (own === undefined) frames.set(stream, [frame]);
    else own.push(frame);
  }
  const timeBases = new Map(valuesOf('tb'));
  return valuesOf('media_type').map(([stream, kind]) => {
    const own = frames.get(stream) ?? [];
    const [, pts = NaN, duration = NaN] = own.at(-1)?.split(',').map(Number) ?? [];
    const [over = NaN, under = NaN] = timeBases.get(stream)?.split('/').map(Number) ?? [];
    return { kind, seconds: ((pts + duration) * over) / under, frames: own };
  });
}

/** Starts one that runs until the test ends. `output` is what it has complained of so far. */
export function startFfmpeg(t: Scope, args: readonly string[]): { output: () => string } {
  const child = start(t, args);
  const output: string[] = [];
  child.stderr?.setEncoding('utf8').on('data', (text: string) => void output.push(text));
  return { output: () => output.join('') };
}

function start(t: Scope, args: readonly string[]): ChildProcess {
  const child = spawn(PROGRAM, [...COMMON, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit').catch(() => undefined);
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  return child;
}
