/** Does every part of the answer belong to the one who asked? */
import type { Answer, Ask } from './ask.js';
import type { Stamp } from './blocks.js';
import type { Fault } from './judge-body.js';
import { readTag, readTruth } from './truth.js';
import { ANONYMOUS, viewerWord } from './viewer.js';

/** Remembers to which request each answer of the origin went. */
export class Deliveries {
  readonly #askOf = new Map<number, number>();

  /** True: it went to another request before. */
  deliver(serial: number, ask: number): boolean {
    const before = this.#askOf.get(serial);
    if (before === undefined) this.#askOf.set(serial, ask);
    return before !== undefined && before !== ask;
  }
}

export function viewerFaults(
  ask: Ask,
  answer: Answer,
  { stamp, deliveries }: { stamp: Stamp | undefined; deliveries: Deliveries },
): Fault[] {
  const { kind } = ask.object;
  if (kind.site === 'files') return [];
  const faults: Fault[] = [];
  const wanted = viewerWord(kind, ask.viewer);
  const look = (where: string, viewer: number | undefined): void => {
    if (viewer === undefined || viewer === wanted) return;
    if (viewer === ANONYMOUS && kind.anonymousShared) return;
    const variant = kind.viewer === 'language' || kind.viewer === 'agent';
    faults.push({
      class: variant ? 'wrong-variant' : 'wrong-viewer',
      what: `${where} made for viewer ${viewer} went to viewer ${wanted}`,
    });
  };
  const said = whatIsSaid(answer);
  look('a body', stamp?.viewer);
  for (const { where, viewer } of said) look(where, viewer);
  if (!kind.secret) return faults;
  const serials = new Set(said.flatMap(({ serial }) => serial ?? []));
  for (const serial of serials) {
    if (!deliveries.deliver(serial, ask.serial)) continue;
    faults.push({
      class: 'wrong-viewer',
      what: `one private answer of the origin (${serial}) went to two requests`,
    });
  }
  return faults;
}

interface Said {
  readonly where: string;
  readonly viewer: number;
  readonly serial?: number;
}

/** By every field that names a viewer. */
function whatIsSaid({ fields, interims }: Answer): Said[] {
  const cookie = /^session=(\d+)\.(\d+)/.exec(fields.get('set-cookie') ?? '');
  const tag = readTag(fields.get('etag'));
  const truths = [fields, ...interims].map((one) => readTruth(one.get('x-truth')));
  return [
    ...truths.flatMap((truth, i) =>
      truth === undefined ? [] : [{ ...truth, where: i === 0 ? 'an X-Truth' : 'a 1xx answer' }],
    ),
    ...(tag === undefined ? [] : [{ where: 'an ETag', viewer: tag.viewer }]),
    ...(cookie === null
      ? []
      : [{ where: 'a Set-Cookie', viewer: Number(cookie[1]), serial: Number(cookie[2]) }]),
  ];
}
