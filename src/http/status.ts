/** Status lines as text and as bytes, made once: one look-up per answer. */

const REASONS: Readonly<Record<number, string>> = {
  100: 'Continue',
  101: 'Switching Protocols',
  102: 'Processing',
  103: 'Early Hints',
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  203: 'Non-Authoritative Information',
  204: 'No Content',
  205: 'Reset Content',
  206: 'Partial Content',
  207: 'Multi-Status',
  208: 'Already Reported',
  226: 'IM Used',
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  407: 'Proxy Authentication Required',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  416: 'Range Not Satisfiable',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  424: 'Failed Dependency',
  425: 'Too Early',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  506: 'Variant Also Negotiates',
  507: 'Insufficient Storage',
  508: 'Loop Detected',
  510: 'Not Extended',
  511: 'Network Authentication Required',
};

/** What is outside has no meaning, and no client may see it (RFC 9110 section 15). */
export const FIRST_STATUS = 100;
export const LAST_STATUS = 599;

const LINES: readonly string[] = Array.from({ length: LAST_STATUS - FIRST_STATUS + 1 }, (_, i) =>
  lineOf(FIRST_STATUS + i),
);
const encoder = new TextEncoder();
const ENCODED_LINES: readonly Uint8Array[] = LINES.map((line) => encoder.encode(line));

/** Code and reason phrase, as '206 Partial Content'; 'NNN Unknown' for codes nobody registered. */
export function statusLine(status: number): string {
  return LINES[status - FIRST_STATUS] ?? lineOf(status);
}

/** The same as ASCII bytes. Shared between all callers: never write to it. */
export function statusLineBytes(status: number): Uint8Array {
  return ENCODED_LINES[status - FIRST_STATUS] ?? encoder.encode(lineOf(status));
}

function lineOf(status: number): string {
  return `${status} ${REASONS[status] ?? 'Unknown'}`;
}
