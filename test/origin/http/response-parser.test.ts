/** Heads and bodies in whatever pieces they come; and mutated ones, read by Node's own parser, too. */
import t from 'tap';
import { ResponseFault } from '../../../src/origin/http/response-head.js';
import { ResponseParser } from '../../../src/origin/http/response-parser.js';
import { llhttpReads } from '../../support/llhttp.js';
import { mutate } from '../../support/mutate.js';
import { seededRandom } from '../../support/random.js';

interface Seen {
  readonly interim: number[];
  status: number;
  lines: readonly (readonly [string, string])[];
  keepAlive: boolean;
  body: string;
  ended: boolean;
  leftOver: boolean;
  fault: string;
}

/** `pieces`: what each read brings. */
function read(pieces: readonly Buffer[], method = 'GET', ends = false): Seen {
  const seen: Seen = {
    ...{ interim: [], status: 0, lines: [], keepAlive: false, body: '' },
    ...{ ended: false, leftOver: false, fault: '' },
  };
  const parser = new ResponseParser({
    onInterim: ({ status }) => seen.interim.push(status),
    onHead: ({ status, lines, keepAlive }) => {
      Object.assign(seen, { status, lines, keepAlive });
    },
    onBody: (bytes) => (seen.body += Buffer.from(bytes).toString('latin1')),
    onEnd: () => (seen.ended = true),
  });
  parser.expect(method);
  const buffer = Buffer.alloc(65_536);
  try {
    for (const piece of pieces) {
      buffer.fill('Z'); // what was read before is gone
      piece.copy(buffer);
      if (!parser.read(buffer, piece.length)) seen.leftOver = true;
    }
    if (ends) parser.end();
  } catch (reason) {
    if (!(reason instanceof ResponseFault)) throw reason;
    seen.fault = reason.message;
  }
  return seen;
}

function split(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const cuts = [0, ...at, bytes.length];
  return cuts.slice(1).map((end, i) => bytes.subarray(cuts[i], end));
}

const PIECES = [
  ...[
    '\r\n',
    '\n',
    '\r',
    '\0',
    ' ',
    '\t',
    ':',
    ';',
    ',',
    '0',
    '1',
    'f',
    '-',
    '+',
    '\xff',
    '\x7f',
    '=',
  ],
  ...[
    'Content-Length: 3\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Connection: close\r\n',
    '\r\n\r\n',
  ],
  ...[
    'HTTP/1.1 ',
    '0\r\n\r\n',
    'x: y\r\n',
    'Transfer-Encoding: identity\r\n',
    'Content-Length: 05\r\n',
  ],
];

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX:  a b \r\n\r\nhello',
  'HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n3;x="y"\r\nabc\r\n0C\r\n123456789012\r\n0\r\nX-T: 1\r\n\r\n',
  'HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nServer: old\r\n\r\nuntil the end',
  'HTTP/1.1 204 No Content\r\nContent-Length: 7\r\nConnection: close\r\n\r\n',
  'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-3/9\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 3\r\n\r\nbcd',
];

t.test('an answer reads the same however it is cut', (t) => {
  for (const answer of ANSWERS) {
    const whole = read(split(answer, []), 'GET', true);
    t.equal(whole.fault, '', answer);
    t.ok(whole.ended, answer);
    for (let at = 1; at < answer.length; at += 1) {
      t.strictSame(
        read(split(answer, [at]), 'GET', true),
        whole,
        `${answer.slice(0, 20)} at ${at}`,
      );
    }
    const every = Array.from({ length: answer.length - 1 }, (_, i) => i + 1);
    t.strictSame(read(split(answer, every), 'GET', true), whole, 'byte by byte');
  }
  t.end();
});

t.test('what a head says', (t) => {
  const { lines, body, keepAlive } = read(split(ANSWERS[0] ?? '', []));
  t.strictSame(lines, [
    ['content-length', '5'],
    ['x', 'a b'],
  ]);
  t.equal(body, 'hello');
  t.ok(keepAlive);
  t.strictSame(read(split(ANSWERS[2] ?? '', [])).interim, [103, 100]);
  t.notOk(read(split(ANSWERS[3] ?? '', []), 'GET', true).keepAlive, 'HTTP/1.0');
  t.notOk(read(split(ANSWERS[4] ?? '', [])).keepAlive, 'Connection: close');
  const head = read(split(ANSWERS[0]?.replace('hello', '') ?? '', []), 'HEAD');
  t.ok(head.ended, 'the answer to a HEAD ends with its head');
  t.end();
});

t.test('what comes behind the end is left over', (t) => {
  for (const answer of ANSWERS.filter((text) => !text.startsWith('HTTP/1.0'))) {
    t.ok(read(split(`${answer}HTTP/1.1 200 OK\r\n`, [])).leftOver, answer.slice(0, 30));
    const { leftOver, ended } = read(split(`${answer}x`, [answer.length]));
    t.ok(leftOver && ended, 'also by itself');
  }
  t.end();
});

t.test('a cut answer has not ended', (t) => {
  for (const answer of ANSWERS.filter((text) => !text.startsWith('HTTP/1.0'))) {
    for (let at = 0; at < answer.length; at += 1) {
      const { ended, fault } = read(split(answer.slice(0, at), []), 'GET', true);
      t.notOk(ended, `${answer.slice(0, 20)} cut at ${at}`);
      t.equal(fault, '');
    }
  }
  t.end();
});

t.test('what is no HTTP is a fault, as soon as it can be told', (t) => {
  const ok = 'HTTP/1.1 200 OK\r\n';
  const chunked = `${ok}Transfer-Encoding: chunked\r\n\r\n`;
  const rows = [
    ['HTTP/2 200 OK\r\n\r\n', 'another version'],
    ['HTTP/1.1  200 OK\r\n\r\n', 'two blanks'],
    ['http/1.1 200 OK\r\n\r\n', 'lower case'],
    [' HTTP/1.1 200 OK\r\n\r\n', 'a blank in front'],
    ['\r\nHTTP/1.1 200 OK\r\n\r\n', 'an empty line in front'],
    [`HTTP/1.1 200 O\x01K\r\n\r\n`, 'a control byte in the reason'],
    [`${ok}A: b\n`, 'a bare LF'],
    [`${ok}A: b\rC: d\r\n\r\n`, 'a bare CR'],
    [`${ok}A: b\r\n c\r\n\r\n`, 'a folded line'],
    [`${ok}A : b\r\n\r\n`, 'a blank before the colon'],
    [`${ok}: b\r\n\r\n`, 'no name'],
    [`${ok}A\r\n\r\n`, 'no colon'],
    [`${ok}Content-Length: +5\r\n\r\n`, 'a sign'],
    [`${ok}Content-Length: 5, 5\r\n\r\n`, 'a list of lengths'],
    [`${ok}Content-Length: 0x5\r\n\r\n`, 'a length in hex'],
    [`${ok}Content-Length:\r\n\r\n`, 'an empty length'],
    ['HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', 'chunks in HTTP/1.0'],
    [`${ok}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n`, 'chunked twice'],
    [`${ok}Transfer-Encoding: chunked, identity\r\n\r\n`, 'chunked, and not last'],
    [`${ok}X: ${'x'.repeat(33_000)}`, 'a head without end'],
    [`${chunked} 5\r\n`, 'a blank before the size'],
    [`${chunked}5 \r\n`, 'a blank behind the size'],
    [`${chunked}0x5\r\n`, 'a size with a prefix'],
    [`${chunked}5\n`, 'a size that ends without CR'],
    [`${chunked}\r\n`, 'no size'],
    [`${chunked}2\r\nabX`, 'a chunk that is longer than its size'],
    [`${chunked}2\r\nab\n`, 'a chunk that ends without CR'],
    [`${chunked}0\r\nA : b\r\n`, 'a malformed trailer'],
    [`${chunked}1;${'x'.repeat(9_000)}`, 'an extension without end'],
    [`${chunked}0\r\n${`X: ${'x'.repeat(1_000)}\r\n`.repeat(40)}`, 'trailers without end'],
  ] as const;
  for (const [answer, why] of rows) {
    t.not(read(split(answer, [])).fault, '', why);
    const every = Array.from({ length: answer.length - 1 }, (_, i) => i + 1);
    t.not(read(split(answer, every)).fault, '', `${why}, byte by byte`);
  }
  t.end();
});

t.test('a head of blanks costs no time', (t) => {
  const hostile = `HTTP/1.1 200 OK\r\nX: ${' '.repeat(32_000)}\x01\r\n\r\n`;
  const startedMs = performance.now();
  t.not(read(split(hostile, [])).fault, '');
  const dripping = Array.from({ length: 30_000 }, (_, i) => i + 1);
  read(split(`HTTP/1.1 200 OK\r\nX: ${'a'.repeat(31_000)}\r\n\r\n`, dripping));
  t.ok(performance.now() - startedMs < 2_000);
  t.end();
});

/**
 * What we take and llhttp does not would be a hole: there is none. What both take, both read alike. We
 * refuse more.
 */
t.test('mutated answers are read as llhttp reads them, or refused', (t) => {
  const random = seededRandom(Number(process.env['FUZZ_SEED'] ?? 41));
  const count = Number(process.env['FUZZ_COUNT'] ?? 30_000);
  let both = 0;
  const differences: string[] = [];
  for (let i = 0; i < count; i += 1) {
    let answer = ANSWERS[Math.floor(random() * ANSWERS.length)] ?? '';
    for (let left = 1 + Math.floor(random() * 3); left > 0; left -= 1) {
      answer = mutate(answer, { random, pieces: PIECES });
    }
    const cut = Math.floor(random() * answer.length);
    const ours = read(split(answer, [cut]), 'GET', true);
    if (ours.fault !== '' || !ours.ended || ours.leftOver) continue;
    const theirs = llhttpReads(Buffer.from(answer, 'latin1'));
    both += 1;
    const same = theirs !== undefined && theirs.status === ours.status && theirs.body === ours.body;
    if (!same) differences.push(JSON.stringify([answer, ours.status, ours.body, theirs]));
  }
  t.ok(both > count / 20, `${both} of ${count} were read by both`);
  t.strictSame(differences.slice(0, 5), []);
  t.end();
});
