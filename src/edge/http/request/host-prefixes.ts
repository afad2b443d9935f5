/** Where each host is cached apart: what the keys of a request's host begin with. */
import type { HttpRequest } from '../../../../native/uws.js';
import { parseHost } from '../../../http/host.js';
import { hostPrefix } from '../../../http/key.js';

/** Values of Host remembered; then all are forgotten. */
const MAX_HOSTS = 1_024;

export class HostPrefixes {
  readonly #defaultPort: number; // that a Host need not name
  readonly #known = new Map<string, string | undefined>();

  constructor({ defaultPort }: { readonly defaultPort: number }) {
    this.#defaultPort = defaultPort;
  }

  get size(): number {
    return this.#known.size;
  }

  /** Undefined: the request names no host, or a bad one. */
  of(request: HttpRequest): string | undefined {
    const host = request.getHeader('host');
    if (!this.#known.has(host)) this.#learn(host);
    return this.#known.get(host);
  }

  #learn(value: string): void {
    if (this.#known.size >= MAX_HOSTS) this.#known.clear();
    const host = parseHost(value, this.#defaultPort);
    this.#known.set(value, host === undefined ? undefined : hostPrefix(true, host));
  }
}
