/** Field lines that many objects share, kept once: a shard may hold a million objects. */
import type { FieldLine, FieldLines } from '../http/fields.js';

/** Lines remembered; the fields of one origin's answers are few, those of an attack are not. */
const MAX_LINES = 4_096;
const MAX_VALUE = 256;
/** Differ from object to object. */
const OWN = new Set([
  'etag',
  'last-modified',
  'content-length',
  'content-range',
  'date',
  'age',
  'expires',
]);

export class LineInterner {
  readonly #lines = new Map<string, FieldLine>();
  readonly #ids = new Map<FieldLine, number>();
  readonly #byId: FieldLine[] = [];

  /** Equal lines; those that were seen before are the same objects as then. */
  lines(fields: FieldLines): FieldLines {
    return fields.map((line) => this.#one(line));
  }

  /** A number for a line that this interner gave, for as long as it lives; undefined for others. */
  idOf(line: FieldLine): number | undefined {
    return this.#ids.get(line);
  }

  at(id: number): FieldLine {
    const line = this.#byId[id];
    if (line === undefined) throw new RangeError(`no line ${id}`);
    return line;
  }

  #one(line: FieldLine): FieldLine {
    const [name, value] = line;
    if (OWN.has(name) || value.length > MAX_VALUE) return line;
    const text = `${name}: ${value}`;
    const known = this.#lines.get(text);
    if (known !== undefined) return known;
    if (this.#byId.length < MAX_LINES) {
      this.#lines.set(text, line);
      this.#ids.set(line, this.#byId.length);
      this.#byId.push(line);
    }
    return line;
  }
}
