/** Who asks, as bytes say it. */
import type { Kind } from './kinds.js';

/** What a request says of its viewer, as its origin sees it. */
export interface ViewerFields {
  readonly cookie?: string | undefined;
  readonly authorization?: string | undefined;
  readonly language?: string | undefined;
  readonly agent?: string | undefined;
}

/** Of those without credentials; 0 is nobody's. */
export const ANONYMOUS = 1;

/** The word that an object's bytes for this viewer carry. */
export function viewerWord(kind: Kind, fields: ViewerFields): number {
  switch (kind.viewer) {
    case 'nobody':
      return 0;
    case 'language':
      return hash(fields.language ?? '');
    case 'agent':
      return hash(fields.agent ?? '');
    case 'authorization':
      return fields.authorization === undefined ? ANONYMOUS : hash(fields.authorization);
    case 'credentials': {
      const { cookie = '', authorization = '' } = fields;
      return cookie + authorization === '' ? ANONYMOUS : hash(`${cookie}\n${authorization}`);
    }
  }
}

/** FNV-1a, above the words with a meaning of their own. */
function hash(text: string): number {
  let mixed = 0x81_1c_9d_c5;
  for (const octet of Buffer.from(text)) mixed = Math.imul(mixed ^ octet, 0x01_00_01_93);
  return (mixed | 0x100) >>> 0;
}
