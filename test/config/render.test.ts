import { existsSync, readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { loadConfig, thisMachine } from '../../src/config/load.js';
import {
  redactedConfig,
  renderConfig,
  renderJsonSchema,
  renderSettingsTable,
} from '../../src/config/render.js';
import { SETTINGS } from '../../src/config/settings.js';

const TOKEN = 'not-to-be-shown-anywhere';

t.test("README's settings table is the one the schema gives", (t) => {
  const readme = existsSync('README.md') ? readFileSync('README.md', 'utf8') : '';
  const rows = readme.split('\n').filter((line) => /^\| `[a-z][A-Za-z.]*` *\|/.test(line));
  const listed = rows.filter((row) => SETTINGS.has(/`([^`]+)`/.exec(row)?.[1] ?? ''));
  const wanted = renderSettingsTable().trimEnd().split('\n').slice(2);
  t.strictSame(listed.map(squeeze), wanted.map(squeeze), 'run `headgate config schema --markdown`');
  t.end();
});

/** Formatters pad tables; padding is no difference. */
function squeeze(row: string): string {
  return row.replaceAll(/ +/g, ' ').trim();
}

t.test('every setting has a sentence, and a row that does not depend on the machine', (t) => {
  const table = renderSettingsTable();
  for (const { path, facts } of SETTINGS.values()) {
    t.match(facts.doc, /^[A-Z].*\.$/, `${path} has a sentence`);
    t.ok(table.includes(`| \`${path}\` |`), `${path} has a row`);
  }
  t.equal(table.split('\n').length, SETTINGS.size + 3);
  t.end();
});

t.test('what `config show` prints loads again to the same configuration', (t) => {
  const set = [
    'origins=http://a/,http://b/',
    'key.query=a,b',
    'limits.minRate=3000',
    'admin.listen=off',
  ];
  const { config, from } = loadConfig({ set });
  const text = renderConfig(config, from);
  const again = loadConfig({ file: 'shown.yaml' }, { ...thisMachine(), readFile: () => text });
  t.strictSame(again.config, config);
  t.match(text, '# --set key.query');
  t.end();
});

t.test('secrets and credentials are redacted wherever the configuration is shown', (t) => {
  const env = { HEADGATE_ADMIN_TOKEN: TOKEN, HEADGATE_ORIGINS: `http://user:${TOKEN}@host/` };
  const { config, from } = loadConfig({ env });
  t.equal(config.admin.token, TOKEN);
  const text = renderConfig(config, from);
  t.notMatch(text, TOKEN);
  t.notMatch(JSON.stringify(redactedConfig(config)), TOKEN);
  t.throws(
    () => loadConfig({ file: 'shown.yaml' }, { ...thisMachine(), readFile: () => text }),
    { code: 'GW_CONFIG_INVALID' },
    'the mark itself is not taken for a token',
  );
  t.end();
});

t.test('the JSON Schema describes every setting and asks for none', (t) => {
  const schema = renderJsonSchema();
  const text = JSON.stringify(schema);
  for (const { facts } of SETTINGS.values())
    t.ok(text.includes(JSON.stringify(facts.doc).slice(1, -1)));
  t.equal(schema['required'], undefined);
  t.equal(schema['additionalProperties'], false);
  t.ok(parse(text), 'it is JSON');
  t.end();
});
