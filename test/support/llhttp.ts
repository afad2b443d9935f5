/** Node's own HTTP parser, by itself: a second reader of what ours has read. */
import { createRequire } from 'node:module';

interface LlhttpParser {
  [callback: number]: (...given: never[]) => unknown;
  initialize(type: number, resource: object): void;
  execute(bytes: Uint8Array): number | Error;
  finish(): Error | undefined;
}

interface LlhttpClass {
  new (): LlhttpParser;
  readonly RESPONSE: number;
  readonly kOnHeadersComplete: number;
  readonly kOnBody: number;
  readonly kOnMessageComplete: number;
}

const { HTTPParser } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: LlhttpClass;
};

/** The final answer of those bytes and of the peer's end behind them; undefined when it is none. */
export function llhttpReads(bytes: Uint8Array): { status: number; body: string } | undefined {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.RESPONSE, {});
  const read = { status: 0, body: '', ended: false };
  parser[HTTPParser.kOnHeadersComplete] = (...given: never[]) => {
    read.status = Number(given[5]);
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk: Uint8Array) => {
    read.body += Buffer.from(chunk).toString('latin1');
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    read.ended ||= read.status >= 200;
  };
  const done = parser.execute(bytes);
  const failed = done instanceof Error || parser.finish() instanceof Error;
  return failed || !read.ended ? undefined : { status: read.status, body: read.body };
}
