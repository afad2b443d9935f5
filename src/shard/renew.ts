/** The same bytes with other facts: every descriptor handed out before is void from here on. */
import type { Descriptor, EncodedBody } from '../cache/descriptor.js';
import type { ShardContext } from './context.js';
import type { Stored } from './entry.js';
import { publishedText } from './publication.js';

/** Gives body and encodings new generations and puts `next` (made from the present one) in force. */
export function renewStored(
  { store, config }: ShardContext,
  stored: Stored,
  next: Descriptor,
): void {
  store.renew(stored.body, publishedText(next, config.compression.enabled));
  const encodings = stored.descriptor.encodings.flatMap((encoded): EncodedBody[] => {
    const body = stored.encodings.get(encoded.coding);
    if (body === undefined) return [];
    store.renew(body);
    return [{ ...encoded, generation: body.generation }];
  });
  const { generation, published } = stored.body;
  stored.descriptor = { ...next, generation, encodings, published };
}
