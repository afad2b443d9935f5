import t from 'tap';
import * as kinds from '../../src/config/kinds.js';

const SHORT = { accepts: (item: string) => item.length < 3, want: 'short words' };
const SMALL = { pattern: /^[a-z]*$/, want: 'small letters' };
const SETTINGS = {
  duration: kinds.duration('5s', ['1s', '1m'], 'd'),
  size: kinds.size('2KiB', ['1KiB', '1MiB'], 'd'),
  count: kinds.count(3, [1, 64], 'shards', 'd'),
  ratio: kinds.ratio(0.5, [0.1, 2], 'd'),
  toggle: kinds.toggle(true, 'd'),
  choice: kinds.choice(['low', 'high'], 'low', 'd'),
  text: kinds.text('', SMALL, 'd'),
  listen: kinds.listen('10.0.0.1:1', 'd'),
  listenOrOff: kinds.listenOrOff('off', 'd'),
  list: kinds.list(['a', 'b'], SHORT, 'd'),
  wordOrList: kinds.wordOrList(['every', 'none'], 'every', SHORT, 'd'),
};
type Kind = keyof typeof SETTINGS;

t.test('each kind reads text and typed values, its limits included', (t) => {
  const one = { host: '10.0.0.1', port: 1 };
  const any = { host: 'b', port: 65_535 };
  const rows: [kind: Kind, raws: unknown[], wants: unknown[]][] = [
    ['duration', [undefined, '1s', '1m'], [5_000, 1_000, 60_000]],
    ['size', [undefined, 1_024, '1024', '1MiB'], [2_048, 1_024, 1_024, 1_048_576]],
    ['count', [undefined, 1, 64, ' 64 ', '01'], [3, 1, 64, 64, 1]],
    ['ratio', [undefined, 0.1, 2, '.25', ' 1 '], [0.5, 0.1, 2, 0.25, 1]],
    ['toggle', [undefined, 'true', ' On ', 'yes', '1'], [true, true, true, true, true]],
    ['toggle', [false, 'false', 'OFF', 'no', '0'], [false, false, false, false, false]],
    ['choice', [undefined, 'high'], ['low', 'high']],
    ['text', [undefined, 'abc'], ['', 'abc']],
    ['listen', [undefined, 1, '1', { port: 1 }, 'b:65535'], [one, one, one, one, any]],
    ['listenOrOff', [undefined, false, 'false', 'b:65535'], [false, false, false, any]],
    ['list', [undefined, ' a ,, 12,', '', [1]], [['a', 'b'], ['a', '12'], [], ['1']]],
    ['wordOrList', [undefined, 'none', 'a,b', []], ['every', 'none', ['a', 'b'], []]],
  ];
  for (const [kind, raws, wants] of rows) {
    const read = raws.map((raw) => SETTINGS[kind].parse(raw));
    t.strictSame(read, wants, kind);
  }
  t.end();
});

t.test('each kind refuses what is beyond its limits or cannot be read', (t) => {
  const rows: [kind: Kind, raws: unknown[]][] = [
    ['duration', ['999ms', '60001ms', '5', 5, '', 'soon', true]],
    ['size', [1_023, '1025KiB', 1_024.5, '-1KiB', '', []]],
    ['count', [0, 65, 1.5, '1.5', '0', '65', '', '1e1', '0x1', true]],
    ['ratio', [0.09, 2.01, '2.01', '-1', '1.', '1e0', '', '.', true]],
    ['toggle', ['', 'maybe', 1, 'ontrue', 'constructor', '__proto__', []]],
    ['choice', ['', 'Low', 'low ', 'low,high', 1]],
    ['text', ['A', 'a1', 1]],
    ['listen', [65_536, -1, '', 'b:', 'off', { port: '1' }, { port: 1, path: '/' }]],
    ['listenOrOff', [true, 'on', 65_536, '']],
    ['list', ['a,abc', ['abc'], [true], 1, Array.from({ length: 257 }, () => 'a')]],
    ['wordOrList', ['all', 'every,none', ['every'], 1]],
  ];
  for (const [kind, raws] of rows) {
    const taken = [...raws, null, {}].filter((raw) => SETTINGS[kind].safeParse(raw).success);
    t.strictSame(taken, [], kind);
  }
  t.match(SETTINGS.toggle.safeParse('').error?.issues, [{ message: /^want true or false$/ }]);
  t.throws(() => Object.assign(SETTINGS.list.parse('a'), ['b']), TypeError, 'a list is frozen');
  t.end();
});

t.test('each kind tells how it is written', (t) => {
  const rows = [
    [SETTINGS.duration, { doc: 'd', initial: '5s', takes: '1s to 1m', secret: false, path: false }],
    [kinds.size('1MB', ['0', '1GB'], 'd', 'bytes per second'), { takes: '0 to 1GB a second' }],
    [SETTINGS.list, { initial: 'a, b', want: 'short words', path: false }],
    [kinds.list([], { ...SHORT, path: true }, 'd'), { initial: '', path: true }],
    [SETTINGS.wordOrList, { initial: 'every', want: 'every, none or short words' }],
    [kinds.text('', SMALL, 'd', { secret: true }), { secret: true, path: false }],
  ] as const;
  for (const [setting, want] of rows) {
    const facts = kinds.settingFacts.get(setting);
    t.same(facts, { ...facts, ...want });
  }
  const auto = { auto: 'half of it' };
  for (const made of [kinds.count(auto, [1, 9], 'u', 'd'), kinds.size(auto, ['0', '9'], 'd')]) {
    t.equal(kinds.settingFacts.get(made)?.initial, 'half of it');
    t.notOk(made.safeParse(undefined).success, 'the machine decides, not the schema');
  }
  t.equal(kinds.settingFacts.get(SETTINGS.duration)?.show(120_000 as never), '2m');
  t.equal(kinds.settingFacts.get(SETTINGS.listen)?.show({ host: 'b', port: 2 } as never), 'b:2');
  t.equal(kinds.settingFacts.get(SETTINGS.listenOrOff)?.show(false as never), 'off');
  t.end();
});
