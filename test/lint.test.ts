/** Rules of ours that must fire: what lint lets pass by mistake, nobody sees. */
import { ESLint } from 'eslint';
import t from 'tap';

t.test('slice() of bytes is refused with its reason, of text and lists it is not', async (t) => {
  const code = [
    'export const f = (bytes: Uint8Array): Uint8Array => bytes.slice(1);',
    'export const g = (buffer: Buffer): Buffer => buffer.slice();',
    'export const h = (a: string, b: number[]): unknown => [a.slice(1), b.slice(1)];',
  ];
  const file = { filePath: 'src/runtime/hash.ts' }; // as if it said that
  const [result] = await new ESLint().lintText(`${code.join('\n')}\n`, file);
  const [bytes, buffer, ...others] = result?.messages ?? [];
  t.match(bytes, { line: 1, ruleId: '@typescript-eslint/no-deprecated' });
  t.match(bytes?.message, /on a Buffer, .*`ownedCopy`/s);
  t.match(buffer, { line: 2, ruleId: '@typescript-eslint/no-deprecated' });
  t.same(others, []);
});
