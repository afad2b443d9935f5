import t from 'tap';
import type { Fill } from '../../src/shard/fill.js';
import { reachesSoon } from '../../src/shard/parts.js';

const MiB = 1_048_576;

t.test(
  'reachesSoon() has a seek wait for the fill of the whole only when that is nearly there',
  (t) => {
    const rows = [
      [undefined, 'bytes=0-99', false, 'no fill to wait for'],
      [fill(0, -1), 'bytes=1048576-', true, 'no head yet, but the range begins early'],
      [fill(0, -1), 'bytes=1048577-', false, 'no head yet, and far'],
      [fill(5 * MiB, 100 * MiB), 'bytes=100-200', true, 'its bytes are here already'],
      [fill(5 * MiB, 100 * MiB), 'bytes=6291456-', true, 'one MiB ahead'],
      [fill(5 * MiB, 100 * MiB), 'bytes=6291457-', false, 'more than one MiB ahead'],
      [fill(5 * MiB, 100 * MiB), 'bytes=-100', false, 'a suffix lies at the far end'],
      [fill(50 * MiB, 100 * MiB), 'bytes=-100', false, 'half of it is still far'],
      [fill(99 * MiB, 100 * MiB), 'bytes=-100', true, 'one MiB ahead, counted from the end'],
      [fill(99 * MiB, -1), 'bytes=-100', false, 'where the end is nobody knows'],
      [fill(5 * MiB, 100 * MiB), '', true, 'the whole is wanted'],
    ] as const;
    for (const [whole, range, want, why] of rows) t.equal(reachesSoon(whole, range), want, why);
    t.end();
  },
);

/** As far as the rule looks at one. */
function fill(written: number, storedBytes: number): Fill {
  const descriptor = storedBytes < 0 ? undefined : { storedBytes };
  return { written, descriptor } as Fill;
}
