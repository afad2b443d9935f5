/** What a request that passes says to the origin: the client's own fields, and ours about the client. */
import type { Config } from '../../../config/config.js';
import { isForged } from '../../../http/client-fields.js';
import { type FieldLines, withoutHopByHop } from '../../../http/fields.js';
import {
  addressSet,
  forwardingLines,
  frontedLines,
  normalAddress,
  type Scheme,
  viewersScheme,
} from '../../../http/forwarding.js';
import type { ClientRequest } from './client-request.js';

export class PassedFields {
  readonly #scheme: Scheme;
  readonly #isFront: (address: string) => boolean;

  constructor(config: Pick<Config, 'front' | 'tls'>) {
    this.#scheme = viewersScheme(config);
    this.#isFront = addressSet(config.front.addresses);
  }

  /** Nobody else gets the answer, so that it may be about the one who asks, and where he asks from. */
  passed(
    request: ClientRequest,
    { clientAddress }: { readonly clientAddress: string },
  ): FieldLines {
    const { fields, rawFields, host } = request;
    const address = normalAddress(clientAddress);
    const forwarding = { scheme: this.#scheme, host, address };
    if (!this.#isFront(address)) return [...fields, ...forwardingLines(forwarding)];
    const told = withoutHopByHop(rawFields).filter(([name]) => isForged(name));
    return frontedLines([...fields, ...told], forwarding);
  }
}
