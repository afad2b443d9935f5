/** How long uWS lets a connection idle. */
import type { UwsApp } from '../../../native/uws.js';
import type { Config } from '../../config/config.js';

/** In the binary, but not in its type declarations; upstream builds may lack them. */
interface WithTimeouts {
  setIdleTimeout?(seconds: number): unknown;
  setResponseTimeout?(seconds: number): unknown;
}

/**
 * uWS counts in steps of 4 s and in one byte, hence the ranges that the settings have. Bytes of an
 * unfinished request head extend neither of the two (measured: a slow-loris at a header a second is
 * closed when the time is over), nor do those of a body whose answer is out already, and a request
 * that waits for its answer is not cut.
 */
export function setTimeouts(app: UwsApp & WithTimeouts, limits: Config['limits']): void {
  const seconds = (ms: number): number => Math.ceil(ms / 1_000);
  app.setIdleTimeout?.(seconds(limits.headersTimeout)); // from the opening to the first request
  app.setResponseTimeout?.(seconds(limits.idleTimeout)); // from an answer to the next request
}
