/** The same bytes with other facts: every descriptor handed out before is void from here on. */
import { mayBeCoded } from '../../protocol/codable.js';
import type { Descriptor, EncodedBody } from '../../protocol/descriptor.js';
import type { ShardContext } from '../intake/context.js';
import { NO_ENCODINGS, type Stored } from './entry.js';

/** Gives body and encodings new generations and puts `next` (made from the present one) in force. */
export function renewStored(context: ShardContext, stored: Stored, next: Descriptor): void {
  const { store, config } = context;
  const { unworthy } = stored.descriptor;
  // What the bytes have shown holds on; a field may have come that forbids codings.
  const codable = next.codable && mayBeCoded(next, config.compression);
  store.renew(stored.body);
  if (!codable) discardEncodings(context, stored);
  const encodings = stored.descriptor.encodings.flatMap((encoded): EncodedBody[] => {
    const body = stored.encodings.get(encoded.coding);
    if (body === undefined) return [];
    store.renew(body);
    return [{ ...encoded, generation: body.generation }];
  });
  const { generation } = stored.body;
  stored.descriptor = { ...next, generation, codable, encodings, unworthy };
}

function discardEncodings({ store, index }: ShardContext, stored: Stored): void {
  for (const body of stored.encodings.values()) {
    index.own(body.slot, undefined);
    store.discard(body);
  }
  stored.encodings = NO_ENCODINGS;
}
