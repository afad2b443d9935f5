/** A write(2) that takes the kernel a tenth of a second and more, so that something can be asked in its middle. */
import { statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

export const LONG_WRITE_BYTES = 128 * 2 ** 20;

/**
 * One of zeros into the empty file at `path`; resolves when some of it is there.
 * @returns for its end
 */
export async function beginLongWrite(
  writer: FileHandle,
  path: string,
): Promise<{ readonly written: Promise<unknown> }> {
  const written = writer.write(Buffer.alloc(LONG_WRITE_BYTES));
  while (statSync(path).size === 0) await new Promise((resolve) => setImmediate(resolve));
  return { written };
}
