/** Small changes of text, of the kinds on which parsers differ. */

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

export function mutate(text: string, random: () => number): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  let result = text;
  for (let left = 1 + below(3); left > 0; left -= 1) {
    const at = below(result.length + 1);
    const end = Math.min(result.length, at + below(6));
    const piece = PIECES[below(PIECES.length)] ?? '';
    switch (below(5)) {
      case 0:
        result = result.slice(0, at) + piece + result.slice(at);
        break;
      case 1:
        result = result.slice(0, at) + result.slice(end);
        break;
      case 2:
        result = result.slice(0, at) + piece + result.slice(end);
        break;
      case 3: // twice
        result = result.slice(0, end) + result.slice(at);
        break;
      default:
        result = result.slice(0, at) + String.fromCharCode(below(256)) + result.slice(at + 1);
    }
  }
  return result;
}
