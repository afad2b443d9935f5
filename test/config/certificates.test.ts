import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { judgeCertificates } from '../../src/config/certificates.js';
import { TEST_CERT, TEST_KEY } from '../support/tls.js';

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const OTHER_KEY = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const LOCKED_KEY = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
  .toString();
const FILES: Readonly<Record<string, string>> = {
  '/cert': TEST_CERT,
  '/key': TEST_KEY,
  '/other-key': OTHER_KEY,
  '/locked-key': LOCKED_KEY,
  '/page': '<p>none</p>',
  '/empty': '',
  '/cut': TEST_CERT.slice(0, 200),
};

function read(name: string): string {
  const text = FILES[name];
  if (text === undefined) throw new Error(`ENOENT: ${name}`);
  return text;
}

t.test('judgeCertificates() wants a certificate, a key, and one for the other', (t) => {
  const rows = [
    ['/cert', '/key', [], 'a pair'],
    ['', '', [], 'none'],
    ['/page', '', [], 'half of it is a fault of its own'],
    ['/page', '/key', ['tls.cert'], 'no PEM'],
    ['/cut', '/key', ['tls.cert'], 'half of a certificate'],
    ['/empty', '/key', ['tls.cert'], 'nothing in it'],
    ['/cert', '/page', ['tls.key'], 'no PEM'],
    ['/cert', '/empty', ['tls.key'], 'nothing in it'],
    ['/cert', '/locked-key', ['tls.key'], 'a passphrase that nobody can give'],
    ['/page', '/page', ['tls.cert', 'tls.key'], 'both at once'],
    ['/key', '/cert', ['tls.cert', 'tls.key'], 'the wrong way round'],
    ['/cert', '/other-key', ['tls.key'], 'two that do not belong together'],
    ['/gone', '/key', ['tls.cert'], 'gone since it was looked for'],
  ] as const;
  for (const [cert, key, want, why] of rows) {
    const findings = judgeCertificates({ tls: { cert, key } }, read);
    t.strictSame(
      findings.map(({ path }) => path),
      want,
      why,
    );
  }
  t.end();
});

t.test('judgeCertificates() names files and shows nothing that is in them', (t) => {
  const findings = judgeCertificates({ tls: { cert: '/cert', key: '/other-key' } }, read);
  t.match(findings, [{ want: /'\/cert'/, got: "'/other-key', the key of another one" }]);
  const [locked] = judgeCertificates({ tls: { cert: '/cert', key: '/locked-key' } }, read);
  t.match(locked?.want, 'without a passphrase');
  t.notMatch(JSON.stringify([...findings, locked]), /BEGIN|MII/);
  t.end();
});
