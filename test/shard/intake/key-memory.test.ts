import t from 'tap';
import { KeyMemory } from '../../../src/shard/intake/key-memory.js';

t.test('KeyMemory knows for a while whose answers cannot be shared', (t) => {
  const memory = new KeyMemory(10);
  t.notOk(memory.isUnshared('/a', true, 0));
  memory.noteUnshared('/a', 'credentialed', 0);
  t.ok(memory.isUnshared('/a', true, 4_999));
  t.notOk(memory.isUnshared('/a', false, 0), 'who is nobody still waits');
  t.notOk(memory.isUnshared('/a', true, 5_000));
  memory.noteUnshared('/a', 'everybody', 10_000);
  t.ok(memory.isUnshared('/a', false, 10_001));
  t.notOk(memory.isUnshared('/b', false, 10_001));
  memory.noteShared('/a');
  t.notOk(memory.isUnshared('/a', true, 10_001));
  t.end();
});

t.test('KeyMemory lets what was too large pass for twice as long each time', (t) => {
  const memory = new KeyMemory(10);
  let nowMs = 0;
  for (const minutes of [5, 10, 20]) {
    memory.notePassing('/a', nowMs);
    t.ok(memory.isPassing('/a', nowMs + minutes * 60_000 - 1));
    nowMs += minutes * 60_000;
    t.notOk(memory.isPassing('/a', nowMs));
  }
  for (let i = 0; i < 20; i += 1) memory.notePassing('/a', nowMs);
  t.notOk(memory.isPassing('/a', nowMs + 86_400_000), 'a day at most');
  t.end();
});

t.test('KeyMemory gives leave to refresh once a second', (t) => {
  const memory = new KeyMemory(10);
  const times = [0, 500, 999, 1_000, 1_001, 2_000];
  t.same(
    times.map((nowMs) => memory.takeRefresh('/a', nowMs)),
    [true, false, false, true, false, true],
  );
  t.ok(memory.takeRefresh('/b', 0));
  t.end();
});

t.test('KeyMemory knows for a second where a body ends', (t) => {
  const memory = new KeyMemory(10);
  memory.noteEnd('/a', 100, 0);
  t.equal(memory.endOf('/a', 999), 100);
  t.equal(memory.endOf('/a', 1_000), undefined);
  t.equal(memory.endOf('/b', 0), undefined);
  t.end();
});

t.test('KeyMemory forgets the key that changed least recently, and all on a purge', (t) => {
  const memory = new KeyMemory(2);
  for (const key of ['/a', '/b', '/a', '/c']) memory.notePassing(key, 0);
  t.equal(memory.count, 2);
  t.same(
    ['/a', '/b', '/c'].map((key) => memory.isPassing(key, 1)),
    [true, false, true],
  );
  memory.clear();
  t.notOk(memory.isPassing('/a', 1));
  t.end();
});
