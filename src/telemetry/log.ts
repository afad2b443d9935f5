/**
 * Structured logs: JSON lines on stdout. Every thread writes its own lines with write(2), which is
 * atomic for a line on a pipe up to PIPE_BUF, so nothing is queued on the main thread and nothing is
 * lost when a worker dies. The price: a reader of stdout that stalls stalls the writer, which is why
 * the access log is sampled.
 */
import pino, { type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly name: string;
  readonly worker?: number; // which worker thread writes; absent on the main thread
  readonly destination?: DestinationStream; // stdout when absent
}

/** Fields that would hand a secret to whoever reads the logs. */
const SECRET_FIELDS = ['token', 'authorization', 'cookie', 'set-cookie'];

export function createLogger({ level, name, worker, destination }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: worker === undefined ? { name } : { name, worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: SECRET_FIELDS.flatMap((field) => [`["${field}"]`, `*["${field}"]`]),
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
}
