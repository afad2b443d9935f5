/** Whether bytes are media, or compressed in another way already. Pure; no state, no I/O. */

/** Of these bytes on, what cannot be told by its beginning is told by how even its bytes are. */
const MIN_ENTROPY_SAMPLE = 2_048;
/** In bits a byte. Text stays below 7, programs below 7.3; what is compressed or encrypted is above 7.9. */
const MAX_TEXT_ENTROPY = 7.5;
/** Starts of what is compressed already, by their Latin-1 text. */
const SIGNATURES: readonly string[] = [
  '\x1a\x45\xdf\xa3', // Matroska, WebM
  '\xff\xd8\xff', // JPEG
  '\x89PNG',
  'GIF87a',
  'GIF89a',
  'OggS',
  'fLaC',
  'FLV\x01',
  '\x0b\x77', // AC-3
  '\x1f\x8b', // gzip
  '\x28\xb5\x2f\xfd', // Zstandard
  '\xfd7zXZ\0',
  'PK\x03\x04',
  "7z\xbc\xaf'\x1c",
  'wOFF',
  'wOF2',
];
const BOXES: ReadonlySet<string> = new Set(
  'ftyp styp moof moov mdat sidx ssix emsg prft free skip uuid wide'.split(' '),
);
const RIFF_FORMS: ReadonlySet<string> = new Set(['WEBP', 'AVI ', 'WAVE']);
/** Packets of MPEG-2 TS; with the time stamps of M2TS they are longer. */
const TS_PACKETS: readonly (readonly [first: number, length: number])[] = [
  [0, 188],
  [4, 192],
];

/**
 * True for media and for what is compressed or encrypted. `sample` begins as the object does; what
 * follows its first few hundred bytes may be from anywhere within.
 */
export function isMediaBytes(sample: Uint8Array): boolean {
  const head = Buffer.from(sample.buffer, sample.byteOffset, Math.min(12, sample.length)).toString(
    'latin1',
  );
  if (SIGNATURES.some((signature) => head.startsWith(signature))) return true;
  if (isBox(head) || isRiff(head) || isAudioFrame(sample) || isTransportStream(sample)) return true;
  return sample.length >= MIN_ENTROPY_SAMPLE && entropyOf(sample) > MAX_TEXT_ENTROPY;
}

/** An ISO base media box of less than 128 MiB: no text begins with so small a byte. */
function isBox(head: string): boolean {
  return head.charCodeAt(0) < 8 && BOXES.has(head.slice(4, 8));
}

function isRiff(head: string): boolean {
  return head.startsWith('RIFF') && RIFF_FORMS.has(head.slice(8, 12));
}

/** ADTS and MPEG audio, behind an ID3 tag or not. `ff fe` begins text in UTF-16. */
function isAudioFrame([a = 0, b = 0, c = 0, d = 0]: Uint8Array): boolean {
  if (a === 0x49 && b === 0x44 && c === 0x33) return d > 0 && d < 8; // "ID3", then its version
  return a === 0xff && (b & 0xf0) === 0xf0 && b !== 0xfe && b !== 0xff;
}

function isTransportStream(sample: Uint8Array): boolean {
  return TS_PACKETS.some(
    ([first, length]) =>
      sample.length > first + 2 * length &&
      [0, 1, 2].every((packet) => sample[first + packet * length] === 0x47),
  );
}

/** Shannon's, of single bytes. */
function entropyOf(sample: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of sample) counts[byte] = (counts[byte] ?? 0) + 1;
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / sample.length) * Math.log2(count / sample.length);
  }
  return bits;
}
