import t from 'tap';
import { statusLine, statusLineBytes } from '../../src/http/status.js';

t.test('statusLine() gives code and registered phrase', (t) => {
  const rows: [status: number, line: string][] = [
    [100, '100 Continue'],
    [200, '200 OK'],
    [206, '206 Partial Content'],
    [304, '304 Not Modified'],
    [413, '413 Content Too Large'],
    [416, '416 Range Not Satisfiable'],
    [418, '418 Unknown'],
    [499, '499 Unknown'],
    [511, '511 Network Authentication Required'],
    [599, '599 Unknown'],
    [600, '600 Unknown'],
    [99, '99 Unknown'],
  ];
  for (const [status, line] of rows) {
    t.equal(statusLine(status), line);
    t.equal(new TextDecoder().decode(statusLineBytes(status)), line, `${line} as bytes`);
  }
  t.equal(statusLineBytes(200), statusLineBytes(200), 'made once');
  t.end();
});
