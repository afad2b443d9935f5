import t from 'tap';
import { aftermathOf, LEADERS_FAULT, lessonOf } from '../../../src/shard/intake/sharing.js';

t.test('lessonOf() says what an answer that nobody shares teaches', (t) => {
  const rows = [
    // status, credentials, large, anonymous, credentialed, remember, outdates
    [200, false, false, 'bypass', 'bypass', 'everybody', true, 'nobody may share it'],
    [200, true, false, 'elect', 'bypass', 'credentialed', false, 'one person has it'],
    [302, true, false, 'elect', 'bypass', 'credentialed', false, 'to a log-in, perhaps'],
    [404, false, false, 'bypass', 'bypass', 'everybody', true, 'it is gone'],
    [401, true, false, 'elect', 'elect', 'nobody', false, 'his credentials are bad'],
    [403, false, false, 'elect', 'elect', 'nobody', false, 'he may not'],
    [429, false, false, 'elect', 'elect', 'nobody', false, 'he asks too often'],
    [400, false, false, 'elect', 'elect', 'nobody', false, 'his request is bad'],
    [416, false, false, 'elect', 'elect', 'nobody', false, 'his range is'],
    [304, false, false, 'elect', 'elect', 'nobody', false, 'he has it'],
    [500, false, false, 'elect-or-refuse', 'elect-or-refuse', 'nobody', false, 'it may be he'],
    [503, true, false, 'elect-or-refuse', 'elect-or-refuse', 'nobody', false, 'it may be he'],
    [200, true, true, 'bypass', 'bypass', 'nobody', true, 'it is for all, but too large'],
  ] as const;
  for (const [status, credentialed, large, anonymous, other, remember, outdates, why] of rows) {
    const want = { anonymous, credentialed: other, remember, outdates };
    t.same(lessonOf({ status, credentialed, large }), want, `${status}: ${why}`);
  }
  t.end();
});

t.test('aftermathOf() lets nobody wait for more than a few leaders', (t) => {
  const bound = lessonOf({ status: 403, credentialed: false, large: false });
  const rows = [
    [bound, 0, 'elect'],
    [bound, 1, 'elect'],
    [bound, 2, 'bypass'],
    [LEADERS_FAULT, 1, 'elect-or-refuse'],
    [LEADERS_FAULT, 2, 'refused'],
  ] as const;
  for (const [lesson, elections, want] of rows) {
    t.equal(aftermathOf(lesson, { elections, credentialed: false }), want);
  }
  t.end();
});
