/**
 * Structured logs: JSON lines on stdout. Every thread writes its own lines with write(2), which is
 * atomic for a line on a pipe up to PIPE_BUF, so nothing is queued on the main thread and nothing that
 * stdout takes is lost when a worker dies. What stdout does not take costs lines, never the thread: see
 * `LineOutput`. (A pipe does not block once somebody has looked at `process.stdout`, as `cli.ts` does; a
 * terminal or a disk that stalls still stalls the writer.) Writing costs CPU, which is why the access log is sampled and why warnings and errors that
 * repeat become a count: each line has its kind (what it says, `code`, `origin` and `worker`), and of
 * each kind there is one a second.
 */
import { writeSync } from 'node:fs';
import pino, { type DestinationStream, type Logger } from 'pino';
import { LineOutput } from './line-output.js';
import { RepeatLog } from './repeat-log.js';

export type { Logger } from 'pino';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly name: string;
  readonly worker?: number; // which worker thread writes; absent on the main thread
  readonly destination?: DestinationStream; // `fd` when absent
  readonly fd?: number; // stdout when absent
}

const STDOUT = 1;
const WARN = 40; // of pino's levels

/** Fields that would hand a secret to whoever reads the logs. */
const SECRET_FIELDS = ['token', 'authorization', 'cookie', 'set-cookie'];

/** Its calls never throw; what cannot be written is lost, and a later line says how many were. */
export function createLogger(options: LoggerOptions): Logger {
  const { level, name, worker, fd = STDOUT } = options;
  const repeats = new RepeatLog({ after });
  const output = new LineOutput({
    write: (bytes) => writeSync(fd, bytes),
    after,
    onLost: (lost) => {
      log.warn({ lost }, 'log lines were lost: they could not be written');
    },
  });
  const log = pino(
    {
      level,
      hooks: {
        logMethod(line, method, severity) {
          const [fields, message] = line;
          if (severity < WARN || typeof fields !== 'object' || fields === null) {
            method.apply(this, line);
            return;
          }
          repeats.line(kindOf(fields, message), (repeated) => {
            const told: typeof line = [repeated > 0 ? { ...fields, repeated } : fields, message];
            method.apply(this, told);
          });
        },
      },
      base: worker === undefined ? { name } : { name, worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]),
    },
    options.destination ?? output,
  );
  return log;
}

function after(ms: number, run: () => void): void {
  setTimeout(run, ms).unref();
}

function kindOf(fields: object, message: unknown): string {
  const { code, origin, worker, err } = fields as Readonly<Record<string, unknown>>;
  const fault = err instanceof Error ? `${err.name} ${'code' in err ? String(err.code) : ''}` : '';
  return [message, code, origin, worker, fault].map(String).join('|');
}
