/** Our own programs of a run (origin, load generators) as child processes that answer calls. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startChild, stopChild } from './children.js';

export interface Call {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

export interface Script {
  readonly pid: number;
  /** The answer of the script's method. Rejects when the method throws or the script ends. */
  call(method: string, argument?: unknown): Promise<unknown>;
  stop(): Promise<void>;
}

export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

/** Starts `bench/support/<name>.js` on a core and waits until it serves calls. */
export async function startScript(name: string, core: number | undefined): Promise<Script> {
  const path = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
  const child = startChild({
    command: process.execPath,
    args: ['--no-warnings', path],
    core,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  child.on('message', (message) => {
    const answer = message as Answer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  child.on('exit', () => {
    for (const [id, settle] of waiting) settle({ id, error: `${name} ended early` });
    waiting.clear();
  });
  await Promise.race([
    once(child, 'message'), // the greeting of serveCalls()
    once(child, 'exit').then(() => Promise.reject(new Error(`${name} did not start`))),
  ]);
  let lastId = 0;
  return {
    pid: child.pid,
    call: (method, argument) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        waiting.set(id, (answer) => {
          if (answer.error === undefined) resolve(answer.value);
          else reject(new Error(answer.error));
        });
        child.send({ id, method, argument } satisfies Call);
      }),
    stop: () => stopChild(child),
  };
}

/** The script's side: answers calls by name, and ends with the process that started it. */
export function serveCalls(methods: Methods): void {
  process.on('message', (message) => {
    void answerCall(methods, message as Call);
  });
  process.on('disconnect', () => process.exit(0));
  process.send?.({ id: 0 } satisfies Answer);
}

async function answerCall(methods: Methods, call: Call): Promise<void> {
  try {
    const method = methods[call.method] as ((argument: unknown) => unknown) | undefined;
    if (!method) throw new Error(`no method ${call.method}`);
    process.send?.({ id: call.id, value: await method(call.argument) } satisfies Answer);
  } catch (reason) {
    process.send?.({ id: call.id, error: String(reason) } satisfies Answer);
  }
}
