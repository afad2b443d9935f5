import { createCipheriv, randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { packageRoot } from '../../native/package-root.js';
import { isMediaBytes } from '../../src/media/sniff.js';

const TEXT = Buffer.from('#EXTM3U\n#EXT-X-VERSION:7\n'.repeat(200));

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function packets(length: number, first: number): Buffer {
  const bytes = Buffer.alloc(length * 4, 'text ');
  for (let at = first; at < bytes.length; at += length) bytes[at] = 0x47;
  return bytes;
}

t.test('isMediaBytes() knows media and what is compressed by how it begins', (t) => {
  const rows: readonly (readonly [string, Buffer])[] = [
    ['an init segment', latin1('\0\0\0\x18ftypiso6')],
    ['a media segment', latin1('\0\0\0\x18stypmsdh')],
    ['one without styp', latin1('\0\0\x01\x18moof\0\0\0\x10mfhd')],
    ['with events first', latin1('\0\0\x01\x18emsg\0\0\0\0')],
    ['a large mdat', latin1('\0\0\0\x01mdat\0\0\0\0')],
    ['a transport stream', packets(188, 0)],
    ['with time stamps', packets(192, 4)],
    ['AAC', latin1('\xff\xf1\x50\x80\x02\x1f\xfc')],
    ['MP3', latin1('\xff\xfb\x90\x64')],
    ['packed audio behind ID3', latin1('ID3\x04\0\0\0\0\0?PRIV')],
    ['AC-3', latin1('\x0b\x77\x8a\x3c')],
    ['WebM', latin1('\x1a\x45\xdf\xa3\x9f')],
    ['JPEG', latin1('\xff\xd8\xff\xe0\0\x10JFIF')],
    ['PNG', latin1('\x89PNG\r\n\x1a\n')],
    ['GIF', latin1('GIF89a')],
    ['WebP', latin1('RIFF\x24\0\0\0WEBPVP8 ')],
    ['WAVE', latin1('RIFF\x24\0\0\0WAVEfmt ')],
    ['Ogg', latin1('OggS\0\x02')],
    ['gzip', gzipSync(TEXT)],
    ['zip', latin1('PK\x03\x04\x14')],
    ['a font', latin1('wOF2\0\x01')],
  ];
  for (const [what, bytes] of rows) t.equal(isMediaBytes(bytes), true, what);
  t.end();
});

t.test('isMediaBytes() knows compressed and encrypted bytes by how even they are', (t) => {
  const noise = randomFillSync(Buffer.alloc(4_096));
  const cipher = createCipheriv('aes-128-cbc', Buffer.alloc(16, 7), Buffer.alloc(16, 9));
  t.equal(isMediaBytes(noise), true, 'noise');
  t.equal(isMediaBytes(cipher.update(TEXT)), true, 'an encrypted segment');
  const brotli = brotliCompressSync(Buffer.from(noise.toString('base64')));
  t.equal(isMediaBytes(brotli.subarray(0, 4_096)), true, 'brotli, which begins in no special way');
  t.equal(isMediaBytes(noise.subarray(0, 1_000)), false, 'too few to tell');
  t.end();
});

t.test('isMediaBytes() leaves text and programs alone', (t) => {
  const root = packageRoot();
  const chinese = Array.from({ length: 3_000 }, (_, i) => 0x4e00 + ((i * 7_919) % 3_000));
  const rows: readonly (readonly [string, Buffer])[] = [
    ['nothing', Buffer.alloc(0)],
    ['a playlist', TEXT],
    ['JSON', Buffer.from(readFileSync(`${root}/package.json`))],
    ['a minified program', readFileSync(`${root}/node_modules/hls.js/dist/hls.min.js`)],
    ['base64', Buffer.from(randomFillSync(Buffer.alloc(9_000)).toString('base64'))],
    ['Chinese', Buffer.from(String.fromCodePoint(...chinese))],
    ['UTF-16', latin1(`\xff\xfe${'a\0'.repeat(2_000)}`)],
    ['text that begins with G', Buffer.from('G'.padEnd(188, 'x').repeat(2).padEnd(4_096, 'y'))],
    ['WebAssembly', latin1('\0asm\x01\0\0\0')],
    ['prose about MP4', Buffer.from('The ftyp box comes first.'.repeat(200))],
  ];
  for (const [what, bytes] of rows) {
    t.equal(isMediaBytes(Buffer.from(bytes).subarray(0, 4_096)), false, what);
  }
  t.end();
});
