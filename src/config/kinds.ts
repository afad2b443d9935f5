/**
 * The kinds of setting: each maker gives a zod schema that reads text (environment, flags) and typed
 * YAML alike, and registers what documentation and fault messages need.
 */
import { z } from 'zod';
import {
  formatDuration,
  formatListen,
  formatSize,
  parseDuration,
  parseListen,
  parseSize,
  type ListenAddress,
} from './units.js';

export interface SettingFacts {
  readonly doc: string; // one sentence, with the trade-off
  readonly want: string; // completes 'want …' in a fault
  readonly takes: string; // range and unit in a few words, for tables
  readonly initial: string; // the default as people write it
  readonly show: (value: never) => unknown; // parsed value back to its written form
  readonly secret: boolean;
  readonly path: boolean; // a file name, taken relative to where it was written
}

type Details = Partial<SettingFacts> & Pick<SettingFacts, 'doc' | 'want' | 'takes'>;
type Setting<T> = z.ZodType<T>;

/** Which schemas are settings, and their facts. Groups are not in it. */
export const settingFacts = z.registry<SettingFacts>();

const NUMBER_OR_TEXT = z.union([z.number(), z.string()]);
const LIST_OR_TEXT = z.union([z.string(), z.array(z.union([z.string(), z.number()])).max(256)]);

interface Reading<T> {
  readonly input: z.ZodType;
  readonly read: (raw: unknown) => T | undefined;
  readonly initial: unknown; // undefined: decided by the machine or by another setting
}

function setting<T>({ input, read, initial }: Reading<T>, details: Details): Setting<T> {
  const reading = input.transform((raw, context): T => {
    const value = read(raw);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `want ${details.want}` });
    return z.NEVER;
  });
  const schema: z.ZodType = initial === undefined ? reading : reading.prefault(initial);
  const written = Array.isArray(initial) ? initial.join(', ') : String(initial);
  schema.register(settingFacts, {
    initial: written,
    show: (value: never) => value as unknown,
    secret: false,
    path: false,
    ...details,
  });
  return schema as Setting<T>; // zod says Awaited<T>, and no setting is a promise
}

type Range = readonly [min: string, max: string];

function within(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/** Milliseconds, written with a unit. */
export function duration(initial: string, [min, max]: Range, doc: string): Setting<number> {
  const [low, high] = [parseDuration(min) ?? Number.NaN, parseDuration(max) ?? Number.NaN];
  const read = (raw: unknown): number | undefined => within(parseDuration(raw), low, high);
  const want = `a duration from ${min} to ${max} with its unit (ms, s, m, h, d)`;
  return setting(
    { input: NUMBER_OR_TEXT, read, initial },
    { doc, want, takes: `${min} to ${max}`, show: formatDuration },
  );
}

/** Bytes, or bytes a second. `auto` is for defaults that the machine decides: the words for it. */
export function size(
  initial: string | { readonly auto: string },
  [min, max]: Range,
  doc: string,
  unit: 'bytes' | 'bytes per second' = 'bytes',
): Setting<number> {
  const [low, high] = [parseSize(min) ?? Number.NaN, parseSize(max) ?? Number.NaN];
  const read = (raw: unknown): number | undefined => within(parseSize(raw), low, high);
  const want = `a size from ${min} to ${max} (bytes, KiB, MiB, GiB; kB, MB, GB)`;
  const takes = `${min} to ${max}${unit === 'bytes' ? '' : ' a second'}`;
  const fixed = typeof initial === 'string';
  return setting(
    { input: NUMBER_OR_TEXT, read, initial: fixed ? initial : undefined },
    { doc, want, takes, show: formatSize, ...(fixed ? {} : { initial: initial.auto }) },
  );
}

/** A whole number of `unit`. */
export function count(
  initial: number | { readonly auto: string },
  [min, max]: readonly [number, number],
  unit: string,
  doc: string,
): Setting<number> {
  const read = (raw: unknown): number | undefined => {
    const value = typeof raw === 'string' && /^\d{1,15}$/.test(raw.trim()) ? Number(raw) : raw;
    return typeof value === 'number' && Number.isInteger(value)
      ? within(value, min, max)
      : undefined;
  };
  const fixed = typeof initial === 'number';
  const want = `a whole number from ${min} to ${max}`;
  return setting(
    { input: NUMBER_OR_TEXT, read, initial: fixed ? initial : undefined },
    { doc, want, takes: `${min} to ${max} ${unit}`, ...(fixed ? {} : { initial: initial.auto }) },
  );
}

/** A number with a fraction, such as a share or a factor. */
export function ratio(
  initial: number,
  [min, max]: readonly [number, number],
  doc: string,
): Setting<number> {
  const read = (raw: unknown): number | undefined => {
    const value = typeof raw === 'string' && /^\d*\.?\d+$/.test(raw.trim()) ? Number(raw) : raw;
    return typeof value === 'number' ? within(value, min, max) : undefined;
  };
  return setting(
    { input: NUMBER_OR_TEXT, read, initial },
    { doc, want: `a number from ${min} to ${max}`, takes: `${min} to ${max}` },
  );
}

const SWITCH_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'on', 'yes', '1'].map((word) => [word, true] as const),
  ...['false', 'off', 'no', '0'].map((word) => [word, false] as const),
]);

export function toggle(initial: boolean, doc: string): Setting<boolean> {
  const read = (raw: unknown): boolean | undefined =>
    typeof raw === 'string' ? SWITCH_WORDS.get(raw.trim().toLowerCase()) : (raw as boolean);
  return setting(
    { input: z.union([z.boolean(), z.string()]), read, initial },
    { doc, want: 'true or false', takes: 'true, false' },
  );
}

export function choice<const W extends string>(
  words: readonly W[],
  initial: W,
  doc: string,
): Setting<W> {
  const read = (raw: unknown): W | undefined => words.find((word) => word === raw);
  const list = words.join(', ');
  return setting(
    { input: z.string(), read, initial },
    { doc, want: `one of ${list}`, takes: list },
  );
}

export function text(
  initial: string,
  rule: { readonly pattern: RegExp; readonly want: string },
  doc: string,
  marks: { readonly secret?: boolean; readonly path?: boolean } = {},
): Setting<string> {
  const read = (raw: unknown): string | undefined =>
    typeof raw === 'string' && rule.pattern.test(raw) ? raw : undefined;
  return setting(
    { input: z.string(), read, initial },
    { doc, want: rule.want, takes: 'text', ...marks },
  );
}

const LISTEN_INPUT = z.union([
  z.number(),
  z.string(),
  z.strictObject({ host: z.string().optional(), port: z.number() }),
]);

/** [host:]port; a host left out is the one of `initial`. */
export function listen(initial: string, doc: string): Setting<ListenAddress> {
  const host = parseListen(initial, '')?.host ?? '';
  return setting(
    { input: LISTEN_INPUT, read: (raw) => parseListen(raw, host), initial },
    {
      doc,
      want: '[host:]port, with a port from 0 to 65535',
      takes: '[host:]port',
      show: formatListen,
    },
  );
}

/** As `listen`, or 'off'. */
export function listenOrOff(initial: string, doc: string): Setting<ListenAddress | false> {
  const host = parseListen(initial, '')?.host ?? '';
  const read = (raw: unknown): ListenAddress | false | undefined =>
    raw === false || raw === 'off' || raw === 'false' ? false : parseListen(raw, host);
  return setting(
    { input: z.union([z.literal(false), LISTEN_INPUT]), read, initial },
    {
      doc,
      want: "[host:]port, with a port from 0 to 65535, or 'off'",
      takes: '[host:]port, off',
      show: (address: ListenAddress | false) => (address === false ? 'off' : formatListen(address)),
    },
  );
}

interface ListRule {
  readonly accepts: (item: string) => boolean;
  readonly want: string;
  readonly path?: boolean;
}

/** A list: YAML sequence, or text with commas. */
export function list(
  initial: readonly string[],
  rule: ListRule,
  doc: string,
): Setting<readonly string[]> {
  return setting(
    { input: LIST_OR_TEXT, read: (raw) => readList(raw, rule), initial: [...initial] },
    { doc, want: rule.want, takes: 'list', path: rule.path ?? false },
  );
}

/** One of `words`, or a list as above. */
export function wordOrList<const W extends string>(
  words: readonly W[],
  initial: W,
  rule: ListRule,
  doc: string,
): Setting<W | readonly string[]> {
  const read = (raw: unknown): W | readonly string[] | undefined =>
    words.find((word) => word === raw) ?? readList(raw, rule);
  return setting(
    { input: LIST_OR_TEXT, read, initial },
    { doc, want: `${words.join(', ')} or ${rule.want}`, takes: `${words.join(', ')}, list` },
  );
}

function readList(raw: unknown, rule: ListRule): readonly string[] | undefined {
  const items =
    typeof raw === 'string'
      ? raw.split(',').filter((item) => item.trim() !== '')
      : (raw as unknown[]);
  const trimmed = items.map((item) => String(item).trim());
  return trimmed.every((item) => rule.accepts(item)) ? Object.freeze(trimmed) : undefined;
}
