import t from 'tap';
import { Heartbeats, HUNG_MS, LOOK_MS } from '../../src/control/heartbeats.js';

t.test('Heartbeats counts the silence of who does not beat, look by look', (t) => {
  const { beats, heartbeats, look } = bench();
  for (let i = 0; i < 20; i += 1) {
    beats[0] += 1;
    look(LOOK_MS);
  }
  t.equal(heartbeats.silentMs(0), 0);
  t.equal(heartbeats.silentMs(1), 19 * LOOK_MS, 'the first look is where it begins');
  t.strictSame(heartbeats.silentFor(HUNG_MS), [1]);
  beats[1] += 1;
  look(LOOK_MS);
  t.strictSame(heartbeats.silentFor(HUNG_MS), [], 'one beat is enough');
  t.end();
});

t.test('Heartbeats is not misled by looks that come late: then nobody could beat', (t) => {
  const { heartbeats, look } = bench();
  look(LOOK_MS);
  look(3_600_000);
  t.ok(heartbeats.silentMs(0) < HUNG_MS, 'the process was stopped, or this thread busy');
  t.end();
});

t.test('Heartbeats knows nothing of who is not watched', (t) => {
  const { heartbeats, look } = bench();
  for (let i = 0; i < 20; i += 1) look(LOOK_MS);
  heartbeats.forget(1);
  look(LOOK_MS);
  t.equal(heartbeats.silentMs(1), 0);
  t.equal(heartbeats.silentMs(7), 0);
  heartbeats.watch(1);
  t.equal(heartbeats.silentMs(1), 0, 'a successor begins alive');
  t.strictSame(heartbeats.silentFor(HUNG_MS), [0]);
  t.end();
});

function bench(): {
  beats: [number, number];
  heartbeats: Heartbeats;
  look: (afterMs: number) => void;
} {
  const beats: [number, number] = [0, 0];
  const heartbeats = new Heartbeats({ beatsOf: (worker) => beats[worker] ?? 0 });
  heartbeats.watch(0);
  heartbeats.watch(1);
  let nowMs = 1_000_000;
  const look = (afterMs: number): void => {
    nowMs += afterMs;
    heartbeats.look(nowMs);
  };
  return { beats, heartbeats, look };
}
