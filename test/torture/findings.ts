/** What must not be, by name. */
export type FindingClass =
  | 'wrong-bytes' // of another object or version, mixed, shifted, or under another's validator
  | 'wrong-viewer' // made for somebody else
  | 'wrong-variant' // made for other selecting fields
  | 'stale' // older than its lifetime and what may be added to it
  | 'stale-playlist' // a live playlist older than half its target duration
  | 'stale-after-purge'
  | 'stale-after-unsafe' // a PUT or POST had been answered
  | 'cut-whole' // ended early though nothing had failed
  | 'false-whole' // a complete message that was not all there is
  | 'wrong-condition' // a precondition, If-Range or Range decided wrongly
  | 'wrong-status'
  | 'wrong-field' // not as the origin sent it, or not of this answer
  | 'needless-failure' // refused, with a healthy origin
  | 'no-answer' // the connection closed without one, or none came in time
  | 'gone' // the gateway's process has ended
  | 'internal' // the gateway says itself that it has gone wrong
  | 'origin-loop'; // far more requests to the origin than from clients

export interface Finding {
  readonly class: FindingClass;
  readonly kind: string;
  readonly what: string;
  readonly atMs: number; // since the run began
  readonly trace: readonly string[]; // the request and the head of its answer
}

const KEPT_OF_EACH = 3;

export class Findings {
  readonly #startMs: number;
  readonly #counts = new Map<string, number>();
  readonly kept: Finding[] = [];
  readonly onFinding: (finding: Finding) => void;

  constructor(startMs: number, onFinding: (finding: Finding) => void = () => undefined) {
    this.#startMs = startMs;
    this.onFinding = onFinding;
  }

  add(finding: Omit<Finding, 'atMs'>, nowMs: number): void {
    const name = nameOf(finding);
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    if (count > KEPT_OF_EACH) return;
    const dated = { ...finding, atMs: Math.round(nowMs - this.#startMs) };
    this.kept.push(dated);
    if (count === 1) this.onFinding(dated);
  }

  /** Of each class and kind. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

export function nameOf({ class: name, kind }: Pick<Finding, 'class' | 'kind'>): string {
  return `${name} ${kind}`;
}
