/** Short forms for asking an origin in a test. */
import type { Config } from '../../src/config/config.js';
import type { FieldLines } from '../../src/http/fields.js';
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.js';

export const ORIGIN_SETTINGS: Config['origin'] = {
  connectTimeout: 5_000,
  headersTimeout: 10_000,
  bodyTimeout: 10_000,
  connections: 4,
  keepAlive: 30_000,
  retries: 0,
  retryBudget: 0.2,
  preserveHost: false,
  credentials: 'send',
  breaker: { failures: 5, cooldown: 1_000 },
};

export interface Asked extends Partial<Omit<OriginRequest, 'target'>> {
  readonly signal?: AbortSignal;
}

export function ask(origin: Origin, target: string, asked: Asked = {}): Promise<OriginResponse> {
  const { signal = new AbortController().signal, ...rest } = asked;
  return origin.fetch({ method: 'GET', headers: [], ...rest, target }, signal);
}

/** The whole body; the chunks are copied, as each is only lent until the next. */
export async function bodyOf(response: OriginResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response.body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export async function textOf(response: OriginResponse): Promise<string> {
  return (await bodyOf(response)).toString('latin1');
}

export function field(lines: FieldLines, name: string): string | undefined {
  return lines.find((line) => line[0] === name)?.[1];
}
