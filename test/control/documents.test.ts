import t from 'tap';
import {
  decodeDocument,
  documentType,
  encodeDocument,
  JSON_TYPE,
  MSGPACK,
} from '../../src/control/documents.js';

t.test('a document survives both encodings', (t) => {
  const document = { scope: 'prefix', path: '/live/é', soft: true };
  for (const type of [JSON_TYPE, MSGPACK] as const) {
    t.strictSame(decodeDocument(type, encodeDocument(type, document)), document, type);
  }
  t.end();
});

t.test('decodeDocument() gives undefined for what is no document', (t) => {
  t.equal(decodeDocument(JSON_TYPE, Buffer.from('{')), undefined);
  t.equal(decodeDocument(MSGPACK, Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff)), undefined);
  t.end();
});

t.test('documentType() reads the type without its parameters', (t) => {
  t.equal(documentType('application/JSON; charset=utf-8'), JSON_TYPE);
  t.equal(documentType('application/msgpack'), MSGPACK);
  t.equal(documentType('text/plain'), undefined);
  t.equal(documentType(undefined), undefined);
  t.end();
});
