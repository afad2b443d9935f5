/** An origin that answers in turn what a test lists, and keeps what it was asked. */
import { GatewayError } from '../../src/errors.js';
import type { ErrorCode } from '../../src/errors.js';
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.js';
import { textOf } from './origin.js';

export interface Script extends Origin {
  readonly requests: OriginRequest[];
  closed: number;
  left: number; // bodies that were not read to their end
}

/** Answers in turn with a status, whose body is "name status", or fails with a code. */
export function scripted(name: string, ...steps: readonly (number | ErrorCode)[]): Script {
  const script: Script = {
    requests: [],
    closed: 0,
    left: 0,
    fetch(request) {
      script.requests.push(request);
      const step = steps[Math.min(script.requests.length, steps.length) - 1];
      if (typeof step === 'string') return Promise.reject(new GatewayError(step, name));
      return Promise.resolve(answer(name, step ?? 200, script));
    },
    close() {
      script.closed += 1;
      return Promise.resolve();
    },
  };
  return script;
}

function answer(name: string, status: number, script: Script): OriginResponse {
  // eslint-disable-next-line @typescript-eslint/require-await -- a body is async
  async function* body(): AsyncGenerator<Uint8Array> {
    script.left += 1;
    yield Buffer.from(`${name} ${status}`);
    script.left -= 1;
  }
  return { status, headers: [], body: body(), origin: name };
}

export function failingBody(code: ErrorCode): Origin {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('half');
    await Promise.resolve();
    throw new GatewayError(code, 'body');
  }
  return {
    fetch: () => Promise.resolve({ status: 200, headers: [], body: body(), origin: 'x' }),
    close: () => Promise.resolve(),
  };
}

/** The body as text, or the code of the failure. */
export async function outcome(response: Promise<OriginResponse>): Promise<string> {
  try {
    return await textOf(await response);
  } catch (error) {
    return (error as GatewayError).code;
  }
}
