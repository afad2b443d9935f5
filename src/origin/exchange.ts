/**
 * One request on one connection: the handler that undici's parser calls, and the answer that comes
 * of it. Checks what undici does not: status range, transfer codings, field bytes and count, how
 * many 1xx, and bodies that end by a reset.
 */
import type { Dispatcher } from 'undici';
import { GatewayError } from '../errors.js';
import { fieldValue, isFieldName, isFieldValue, withoutHopByHop } from '../http/fields.js';
import type { FieldLine, FieldLines } from '../http/fields.js';
import { FIRST_STATUS, LAST_STATUS } from '../http/status.js';
import { BodyQueue } from './body-queue.js';
import type { Connection } from './connections.js';
import { isBodyless } from './origin.js';
import type { OriginRequest, OriginResponse } from './origin.js';
import { RequestBody } from './request-body.js';
import { isConnectionLoss, originError } from './upstream-errors.js';
import type { Phase } from './upstream-errors.js';

const MAX_RESPONSE_LINES = 512;
const MAX_INFORMATIONAL = 16; // each one restarts undici's headers time-out

const OUTER_BLANKS = /^[ \t]+|[ \t]+$/g; // not trim(): byte A0 is no blank here

type Controller = Dispatcher.DispatchController;

export interface ExchangeOptions {
  readonly name: string; // of the origin
  readonly request: OriginRequest;
  readonly connection: Connection;
  readonly signal: AbortSignal;
  /** Called once, when undici is done with the connection. */
  readonly onOver: () => void;
}

export class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<OriginResponse>;
  readonly body: RequestBody | undefined; // of the request
  readonly #options: ExchangeOptions;
  readonly #onAbort: () => void;
  #resolve!: (response: OriginResponse) => void;
  #reject!: (error: GatewayError) => void;
  #controller: Controller | undefined; // set once the request is being written
  #queue: BodyQueue | undefined; // set with the final status
  #phase: Phase = 'connect';
  #cancelled: GatewayError | undefined; // why we gave up, when we did
  #informational = 0;
  #delimited = true; // the body's end is announced, by length or chunks
  #answered = false; // a byte of an answer has come
  #reused = false;
  #lost = false; // the connection went before any byte of an answer

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.body = options.request.body && new RequestBody(options.request.body);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.response.catch(() => undefined); // it may fail before the caller awaits it
    this.#onAbort = () => {
      this.#cancel(new GatewayError('GW_CLIENT_ABORTED', `${options.name}: request aborted`));
    };
    options.signal.addEventListener('abort', this.#onAbort);
  }

  /** A kept-alive connection was closed under us: nobody can tell if the origin saw the request. */
  get lostReused(): boolean {
    return this.#reused && this.#lost;
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    this.#phase = 'head';
    this.#options.connection.requests += 1;
    this.#reused = this.#options.connection.requests > 1;
    if (this.#cancelled !== undefined) controller.abort(this.#cancelled);
  }

  /** undici calls it at the first byte of an answer, 1xx included; its types leave it out. */
  onResponseStarted(): void {
    this.#answered = true;
  }

  /** @throws GatewayError GW_ORIGIN_PROTOCOL, which undici turns into `onResponseError`. */
  onResponseStart(controller: Controller, status: number): void {
    const { name, request } = this.#options;
    // 101 answers an Upgrade, which is never asked for.
    if (status < FIRST_STATUS || status === 101 || status > LAST_STATUS) {
      throw protocolError(name, `status ${status}`);
    }
    const lines = responseLines(controller.rawHeaders, name);
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) throw protocolError(name, 'too many 1xx');
      request.onInformational?.(status, withoutHopByHop(lines));
      return;
    }
    const coding = fieldValue(lines, 'transfer-encoding')?.trim().toLowerCase();
    if (coding !== undefined && coding !== 'chunked') {
      throw protocolError(name, 'a transfer coding other than chunked');
    }
    this.#delimited = coding !== undefined || fieldValue(lines, 'content-length') !== undefined;
    this.#phase = 'body';
    const queue = new BodyQueue({
      resume: () => {
        controller.resume();
      },
      cancel: () => {
        this.#cancel(new GatewayError('GW_CLIENT_ABORTED', `${name}: the reader left`));
      },
    });
    this.#queue = queue;
    // undici takes a 304 that carries Content-Length for a short body, so we end it ourselves.
    if (isBodyless(request.method, status)) queue.end();
    this.#resolve({ status, headers: withoutHopByHop(lines), body: queue, origin: name });
  }

  onResponseData(controller: Controller, chunk: Buffer): void {
    if (this.#queue?.push(chunk) === false) controller.pause();
  }

  onResponseEnd(): void {
    if (!this.#delimited && this.#options.connection.failed) {
      this.#finish(new GatewayError('GW_ORIGIN_BODY_SHORT', `${this.#options.name}: reset`));
    } else {
      this.#finish(undefined);
    }
  }

  onResponseError(_controller: unknown, reason: Error): void {
    this.#lost = !this.#answered && this.#phase === 'head' && isConnectionLoss(reason);
    this.#finish(this.#cancelled ?? originError(reason, this.#phase, this.#options.name));
  }

  /** Gives up: the caller hears at once; the connection is free when undici has let go of it. */
  #cancel(error: GatewayError): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = error;
    this.#reject(error);
    this.#queue?.fail(error);
    this.#controller?.abort(error);
  }

  #finish(error: GatewayError | undefined): void {
    const { signal, onOver } = this.#options;
    signal.removeEventListener('abort', this.#onAbort);
    this.body?.stop();
    if (error === undefined) {
      this.#queue?.end();
    } else {
      this.#reject(error);
      this.#queue?.fail(error);
    }
    onOver();
  }
}

/** @throws GatewayError GW_ORIGIN_PROTOCOL: too many lines, or bytes that no field may hold. */
function responseLines(raw: Controller['rawHeaders'], name: string): FieldLines {
  if (!Array.isArray(raw)) return [];
  if (raw.length > MAX_RESPONSE_LINES * 2) throw protocolError(name, 'too many header fields');
  const lines: FieldLine[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const field = latin1(raw[i]).toLowerCase();
    const value = latin1(raw[i + 1]).replace(OUTER_BLANKS, '');
    if (!isFieldName(field) || !isFieldValue(value)) {
      throw protocolError(name, 'a malformed header field');
    }
    lines.push([field, value]);
  }
  return lines;
}

/** Byte for byte: bytes above 127 come back as the same bytes when written as latin1. */
function latin1(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'object' ? bytes.toString('latin1') : (bytes ?? '');
}

function protocolError(name: string, what: string): GatewayError {
  return new GatewayError('GW_ORIGIN_PROTOCOL', `${name}: ${what}`);
}
