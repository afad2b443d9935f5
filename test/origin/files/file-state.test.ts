import t from 'tap';
import {
  changeBetween,
  entityTag,
  type FileState,
  hiddenForMs,
  isSettled,
} from '../../../src/origin/files/file-state.js';

const NS = 1_000_000n;
const WALL_MS = Date.UTC(2026, 0, 2);
const STATE: FileState = { ino: 7n, size: 100n, mtimeNs: 1n, ctimeNs: 1n, nlink: 1n };

/** As long before WALL_MS; below 0 it is after. */
function ago(ms: number): bigint {
  return BigInt(WALL_MS - ms) * NS;
}

t.test('changeBetween() tells what became of an open file', (t) => {
  const rows: [after: Partial<FileState>, want: string, why: string][] = [
    [{}, 'none', 'nothing'],
    [{ size: 101n }, 'grown', 'a byte more within one tick'],
    [{ size: 101n, mtimeNs: 2n, ctimeNs: 2n }, 'grown', 'a byte more'],
    [{ size: 99n }, 'other', 'a byte less within one tick'],
    [{ size: 99n, mtimeNs: 2n, ctimeNs: 2n, nlink: 2n }, 'other', 'a byte less, and a name more'],
    [{ mtimeNs: 2n, ctimeNs: 2n }, 'other', 'written over'],
    [{ mtimeNs: 0n, ctimeNs: 2n, nlink: 2n }, 'other', 'an mtime that went back'],
    [{ mtimeNs: 2n, ctimeNs: 2n, nlink: 0n }, 'other', 'written over, and removed'],
    [{ ctimeNs: 2n }, 'other', 'written over, and the mtime set back'],
    [{ ctimeNs: 2n, nlink: 0n }, 'none', 'removed, or another in its place'],
    [{ ctimeNs: 2n, nlink: 2n }, 'none', 'linked once more'],
  ];
  for (const [after, want, why] of rows) {
    t.equal(changeBetween(STATE, { ...STATE, ...after }), want, why);
  }
  t.end();
});

t.test('hiddenForMs() is what is left of two ticks', (t) => {
  const rows: [ctimeNs: bigint, want: number, why: string][] = [
    [ago(0), 20, 'just now'],
    [ago(19), 1, 'the last moment'],
    [ago(19) + NS - 1n, 1, 'what is less than a millisecond does not count'],
    [ago(20), 0, 'over'],
    [ago(21), 0, 'long over'],
    [ago(-5), 15, 'a clock that was set back a little'],
    [ago(-20), 0, 'a clock that was set back further'],
  ];
  for (const [ctimeNs, want, why] of rows) {
    t.equal(hiddenForMs({ ...STATE, ctimeNs }, WALL_MS), want, why);
  }
  t.end();
});

t.test('isSettled() after two seconds', (t) => {
  const rows: [ctimeNs: bigint, mtimeNs: bigint, want: boolean, why: string][] = [
    [ago(2_000), ago(2_000), true, 'two seconds'],
    [ago(1_999), ago(2_000), false, 'a ctime that is younger'],
    [ago(2_000), ago(1_999), false, 'an mtime that is younger'],
    [ago(-86_400_000), ago(2_000), false, 'a ctime in the future'],
    [ago(2_000), ago(-1_999), false, 'an mtime that may be now'],
    [ago(2_000), ago(-2_000), true, 'an mtime that somebody chose'],
  ];
  for (const [ctimeNs, mtimeNs, want, why] of rows) {
    t.equal(isSettled({ ...STATE, ctimeNs, mtimeNs }, WALL_MS, false), want, why);
  }
  const quiet = (ms: number): FileState => ({ ...STATE, ctimeNs: ago(ms), mtimeNs: ago(ms) });
  t.equal(isSettled(quiet(59_999), WALL_MS, true), false, 'whoever has it open may go on');
  t.equal(isSettled(quiet(60_000), WALL_MS, true), true, 'or has forgotten to close it');
  t.end();
});

t.test('entityTag() is another for each state, and before and after it has settled', (t) => {
  const states: Partial<FileState>[] = [
    {},
    { size: 101n },
    { mtimeNs: 2n },
    { mtimeNs: -1n }, // before 1970
    { ctimeNs: 2n },
    { ino: 8n },
    { size: 1n, mtimeNs: 37n },
    { size: 37n, mtimeNs: 1n }, // the same digits, cut elsewhere
  ];
  const [strong, weak] = [true, false].map((settled) =>
    states.map((state) => entityTag({ ...STATE, ...state }, settled)),
  ) as [string[], string[]];
  for (const tag of strong) t.match(tag, /^"[a-z\d-]+"$/);
  for (const tag of weak) t.match(tag, /^W\/"[a-z\d-]+"$/);
  const opaque = [...strong, ...weak].map((tag) => tag.replace('W/', ''));
  t.equal(new Set(opaque).size, 2 * states.length, 'also when they are compared weakly');
  t.equal(entityTag({ ...STATE, nlink: 2n }, true), strong[0], 'a name more changes no byte');
  t.end();
});
