/** Where our package lies: the native files run from native/ and from dist/native/. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { GatewayError } from '../src/errors.js';

/** The nearest folder above this file that holds a package.json. @throws GW_NATIVE_UNSUPPORTED */
export function packageRoot(): string {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, 'package.json'))) {
    const parent = path.dirname(folder);
    if (parent === folder) {
      throw new GatewayError('GW_NATIVE_UNSUPPORTED', 'no package.json above the native files');
    }
    folder = parent;
  }
  return folder;
}
