/** A Terminal whose output is text, whose signals are emitted by the test. */
import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { Config } from '../../src/config/config.js';
import type { Served, StartGateway, Terminal } from '../../src/commands/terminal.js';

class Text extends Writable {
  text = '';
  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

export class FakeProcess extends EventEmitter {
  /** How often it was ended at once. */
  ended = 0;
}

/** A gateway that runs until it is stopped, then ends with `exitCode`. */
export class FakeGateway {
  readonly events = new EventEmitter(); // 'started', 'stop'
  config: Config | undefined;
  exitCode = 0;
  endsOnStop = true;
  #end: (end: { exitCode: number }) => void = () => undefined;

  readonly start: StartGateway = (config) => {
    this.config = config;
    const closed = new Promise<{ exitCode: number }>((resolve) => (this.#end = resolve));
    const served: Served = {
      url: 'http://localhost:8080/',
      adminUrl: 'http://127.0.0.1:9090',
      closed,
      stop: (reason) => {
        this.events.emit('stop', reason);
        if (this.endsOnStop) this.end();
        return Promise.resolve();
      },
    };
    // The command takes hold of the gateway in the turn after this one.
    setImmediate(() => this.events.emit('started'));
    return Promise.resolve(served);
  };

  end(): void {
    this.#end({ exitCode: this.exitCode });
  }
}

export interface FakeTerminal extends Terminal {
  readonly stdout: Text;
  readonly stderr: Text;
  readonly process: FakeProcess;
  readonly gateway: FakeGateway;
}

export function fakeTerminal(env: Readonly<Record<string, string>> = {}): FakeTerminal {
  const gateway = new FakeGateway();
  const process = new FakeProcess();
  return {
    stdout: new Text(),
    stderr: new Text(),
    env,
    process,
    ending: {
      now: () => {
        process.ended += 1;
      },
      afterSignal: () => undefined,
    },
    gateway,
    loadGateway: () => Promise.resolve(gateway.start),
  };
}
