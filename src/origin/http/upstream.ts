/**
 * An origin behind HTTP/1.1: a server named by a URL. Answers come as they are: nothing is
 * decompressed, no redirect followed, no field re-encoded. Only references to the origin's own URLs
 * become ours.
 */
import type { Config } from '../../config/config.js';
import { GatewayError } from '../../errors.js';
import { fieldValue } from '../../http/fields.js';
import { isRepeatable } from '../origin.js';
import type { Origin, OriginRequest, OriginResponse } from '../origin.js';
import { Addresses } from './addresses.js';
import { ConnectionPool } from './connection-pool.js';
import { Dialler } from './dial.js';
import { Exchange } from './exchange.js';
import { withOwnReferences } from './location.js';
import { requestHead } from './request-head.js';

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
  readonly #connections: ConnectionPool;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#url = parseOriginUrl(options.url);
    this.#basePath = this.#url.pathname.replace(/\/+$/, '');
    const { connectTimeout, connections, keepAlive } = options.settings;
    const dialler = new Dialler({
      url: this.#url,
      addresses: new Addresses(this.#url.hostname),
      timeoutMs: connectTimeout,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    const limits = { connections, waitMs: connectTimeout, keepAliveMs: keepAlive };
    this.#connections = new ConnectionPool(dialler, limits);
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

  close(): Promise<void> {
    this.#connections.close();
    return Promise.resolve();
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
    const { name, settings, via } = this.#options;
    const head = requestHead(request, {
      basePath: this.#basePath,
      host: this.#url.host,
      preserveHost: settings.preserveHost,
      via,
    });
    const connection = await this.#connections.acquire(signal, fresh);
    const exchange = new Exchange({
      name,
      request,
      head,
      connection,
      signal,
      headersTimeoutMs: settings.headersTimeout,
      bodyTimeoutMs: settings.bodyTimeout,
      onOver: (keepAliveMs) => {
        this.#connections.release(connection, keepAliveMs);
      },
    });
    connection.begin(exchange);
    return exchange;
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
