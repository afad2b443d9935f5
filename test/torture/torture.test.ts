/** Half a minute of everything at once: every answer is one that HTTP allows at that moment. */
import t from 'tap';
import { fullRecipe, commandOf } from './recipe.js';
import { runRecipe } from './run.js';
import { KINDS } from './kinds.js';

const SECONDS = 30;

t.test(
  'no wrong byte, viewer, version, status or end in half a minute of everything',
  async (t) => {
    const recipe = fullRecipe(Date.now() % 1_000_000, SECONDS);
    t.comment(commandOf(recipe));
    const { findings, counts, judged, exits, disturbed, bytes } = await runRecipe({ recipe });
    t.comment(JSON.stringify({ ...Object.fromEntries(judged), bytes, ...disturbed }));
    const logs = exits.map(({ log }) => log.slice(-2_000)); // says which workers were lost, and when
    t.strictSame([...counts], [], JSON.stringify({ findings, logs }, undefined, 2));
    for (const { code, log } of exits) t.equal(code, 0, log.slice(-2_000));
    for (const { name } of KINDS) t.ok(judged.get(`kind ${name}`), `${name} was looked at`);
    for (const what of [
      'GET 200',
      'GET 206',
      'GET 304',
      'GET 412',
      'GET 416',
      'HEAD 200',
      'GET left',
    ]) {
      t.ok((judged.get(what) ?? 0) > 5, `${judged.get(what) ?? 0} x ${what}`);
    }
    t.ok(disturbed.purges > 50, `${disturbed.purges} purges`);
    t.ok(disturbed.crashes > 2, `${disturbed.crashes} workers lost`);
    t.ok(disturbed.unsafe > 20, `${disturbed.unsafe} writes`);
  },
);
