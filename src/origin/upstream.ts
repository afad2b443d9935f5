/**
 * An origin behind HTTP/1.1: a server named by a URL, asked through undici Clients. Answers come as
 * they are: nothing is decompressed, no redirect followed, no field re-encoded. Only references to
 * the origin's own URLs become ours.
 *
 * Where undici decides: bytes beyond Content-Length are never part of a body (RFC 9112 section 6.3);
 * the connection that brought them is closed and not used again. An unasked 100 (Continue) fails the
 * exchange. Time-outs are measured to about a second, and a body time-out only while we read: what
 * must be sooner than that (hedges, stalled bodies) has timers of its own.
 */
import type { Dispatcher } from 'undici';
import type { Config } from '../config/config.js';
import { GatewayError } from '../errors.js';
import { fieldValue, withoutHopByHop } from '../http/fields.js';
import type { FieldLines } from '../http/fields.js';
import { Connections } from './connections.js';
import { Exchange } from './exchange.js';
import { withOwnReferences } from './location.js';
import { isRepeatable } from './origin.js';
import type { Origin, OriginRequest, OriginResponse } from './origin.js';

export interface UpstreamOptions {
  readonly url: string; // http: or https:, with a base path or without
  readonly settings: Config['origin'];
  readonly name: string; // in OriginResponse.origin and error details
  readonly via: string; // our pseudonym in Via
  readonly ca?: string; // PEM certificates to trust instead of the system's
}

export interface UpstreamOrigin extends Origin {
  /** Closes the connections that nothing is asked on: they may be dead, and nobody would tell. */
  dropIdle(): void;
}

/** @throws GatewayError GW_CONFIG_INVALID when `url` is not one we can ask. */
export function openUpstreamOrigin(options: UpstreamOptions): UpstreamOrigin {
  return new HttpUpstream(options);
}

class HttpUpstream implements UpstreamOrigin {
  readonly #options: UpstreamOptions;
  readonly #url: URL;
  readonly #basePath: string; // without its last '/'
  readonly #connections: Connections;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#url = parseOriginUrl(options.url);
    this.#basePath = this.#url.pathname.replace(/\/+$/, '');
    this.#connections = new Connections(this.#url, options.settings, options.ca);
  }

  async fetch(request: OriginRequest, signal: AbortSignal): Promise<OriginResponse> {
    if (request.method === 'CONNECT') {
      throw new GatewayError('GW_METHOD_NOT_ALLOWED', 'CONNECT has no origin');
    }
    const exchange = await this.#begin(request, signal, false);
    try {
      return this.#asOurs(await exchange.response, request);
    } catch (error) {
      // RFC 9112 section 9.3.1: repeat what was lost to a closing connection, if that is safe.
      const repeat = exchange.lostReused && isRepeatable(request) && !signal.aborted;
      if (!repeat || request.tries?.take() === false) throw error;
    }
    const replay = await this.#begin(request, signal, true); // a second loss is no coincidence
    return this.#asOurs(await replay.response, request);
  }

  dropIdle(): void {
    this.#connections.dropIdle();
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  #asOurs(response: OriginResponse, request: OriginRequest): OriginResponse {
    const place = {
      url: this.#url,
      basePath: this.#basePath,
      host: this.#options.settings.preserveHost ? (fieldValue(request.headers, 'host') ?? '') : '',
    };
    const headers = withOwnReferences(response.headers, place);
    return headers === response.headers ? response : { ...response, headers };
  }

  async #begin(request: OriginRequest, signal: AbortSignal, fresh: boolean): Promise<Exchange> {
    const connection = await this.#connections.acquire(signal, fresh);
    const exchange = new Exchange({
      name: this.#options.name,
      request,
      connection,
      signal,
      onUnsent: () => {
        this.#connections.giveUpConnecting(connection);
      },
      onOver: () => {
        this.#connections.release(connection);
      },
    });
    connection.client.dispatch(this.#dispatchOptions(request, exchange), exchange);
    return exchange;
  }

  #dispatchOptions(request: OriginRequest, exchange: Exchange): Dispatcher.DispatchOptions {
    const options = {
      path: this.#basePath + request.target,
      method: request.method,
      headers: this.#requestFields(request),
      // An async iterable is a body to undici, though its types do not say so.
      body: (exchange.body ?? null) as unknown as null,
      servername: this.#url.hostname, // constant: undici reconnects when it changes
    };
    return options;
  }

  /** Name and value in turn, as undici takes them; Content-Length only beside a body. */
  #requestFields(request: OriginRequest): string[] {
    const { settings, via } = this.#options;
    const fields: string[] = [];
    if (!settings.preserveHost) fields.push('host', this.#url.host);
    const lines: FieldLines = withoutHopByHop(request.headers);
    for (const [name, value] of lines) {
      if (name === 'host' && !settings.preserveHost) continue;
      if (name === 'content-length' && request.body === undefined) continue;
      if (name === 'expect') continue; // RFC 9110 section 10.1.1: met hop by hop, at the edge
      fields.push(name, value);
    }
    fields.push('via', `1.1 ${via}`); // RFC 9110 section 7.6.3
    return fields;
  }
}

function parseOriginUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const scheme = url?.protocol;
  if (url === undefined || (scheme !== 'http:' && scheme !== 'https:')) {
    throw new GatewayError('GW_CONFIG_INVALID', `an origin must be an http(s) URL, got '${text}'`);
  }
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const detail = `an origin has no user, query or fragment: ${url.host}`;
    throw new GatewayError('GW_CONFIG_INVALID', detail);
  }
  return url;
}
