/**
 * What a connection's bytes mean to a server that follows RFC 9112 to the letter: an oracle for what
 * may reach an origin. It is slow, plain, and shares no code with the gateway.
 */

export interface StrictRequest {
  readonly method: string;
  readonly target: string;
  readonly whole: boolean; // false: the head is valid, its body is not, or has not all come
  readonly body: string;
}

/**
 * Bytes above ASCII are in no URI, but servers take them, and one way alone. A '#' or a DEL is in no
 * target, but leaves no doubt where the request ends.
 */
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\/[\x21-\xff]*) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/;
const HOST = /^(?:[A-Za-z0-9\-._~]+|\[[0-9A-Fa-f:.]+\])(?::\d*)?$/;
const CHUNK =
  /^([0-9A-Fa-f]{1,8})((?:[\t ]*;[\t ]*[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+|"[^"\\]*"))?)*)$/;

/** The requests in order, up to the first whose head is invalid or whose body is not whole. */
export function strictRequests(bytes: string): readonly StrictRequest[] {
  const requests: StrictRequest[] = [];
  for (let at = 0; at < bytes.length;) {
    const head = headAt(bytes, at);
    if (head === undefined) break;
    const { method, target, fields } = head;
    const body = bodyAt(bytes, head.end, fields);
    requests.push({ method, target, whole: body !== undefined, body: body?.text ?? '' });
    if (body === undefined || closes(fields)) break;
    at = body.end;
  }
  return requests;
}

interface StrictHead {
  readonly method: string;
  readonly target: string;
  readonly fields: ReadonlyMap<string, readonly string[]>;
  readonly end: number;
}

function headAt(bytes: string, from: number): StrictHead | undefined {
  const end = bytes.indexOf('\r\n\r\n', from);
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.slice(from, end).split('\r\n');
  const [, method, target] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined) return undefined;
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = FIELD.exec(line) ?? [];
    if (name === undefined || value === undefined) return undefined;
    const key = name.toLowerCase();
    fields.set(key, [...(fields.get(key) ?? []), value]);
  }
  const hosts = fields.get('host') ?? [];
  if (hosts.length !== 1 || !HOST.test(hosts[0] ?? '')) return undefined;
  const lengths = fields.get('content-length') ?? [];
  const codings = fields.get('transfer-encoding') ?? [];
  if (lengths.length + codings.length > 1) return undefined;
  if (lengths.some((length) => !/^\d{1,15}$/.test(length))) return undefined;
  if (codings.some((coding) => coding.toLowerCase() !== 'chunked')) return undefined;
  return { method, target, fields, end: end + 4 };
}

function closes(fields: StrictHead['fields']): boolean {
  return /(?:^|,)[\t ]*close[\t ]*(?:,|$)/i.test((fields.get('connection') ?? []).join());
}

function bodyAt(
  bytes: string,
  from: number,
  fields: StrictHead['fields'],
): { text: string; end: number } | undefined {
  if (fields.has('transfer-encoding')) return chunksAt(bytes, from);
  const end = from + Number(fields.get('content-length')?.[0] ?? 0);
  return end > bytes.length ? undefined : { text: bytes.slice(from, end), end };
}

function chunksAt(bytes: string, from: number): { text: string; end: number } | undefined {
  let text = '';
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    const size = CHUNK.exec(bytes.slice(at, lineEnd))?.[1];
    if (lineEnd < 0 || size === undefined) return undefined;
    at = lineEnd + 2;
    if (Number.parseInt(size, 16) === 0) return trailersAt(bytes, at, text);
    const end = at + Number.parseInt(size, 16);
    if (bytes.slice(end, end + 2) !== '\r\n') return undefined;
    text += bytes.slice(at, end);
    at = end + 2;
  }
}

function trailersAt(
  bytes: string,
  from: number,
  text: string,
): { text: string; end: number } | undefined {
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    if (lineEnd === at) return { text, end: at + 2 };
    if (!FIELD.test(bytes.slice(at, lineEnd))) return undefined;
    at = lineEnd + 2;
  }
}
