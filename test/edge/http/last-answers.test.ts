import t from 'tap';
import type { AnswerWriter } from '../../../native/addon.js';
import type { HttpResponse } from '../../../native/uws.js';
import { LastAnswers } from '../../../src/edge/http/last-answers.js';

const at = (connection: number): HttpResponse => ({ connection }) as unknown as HttpResponse;
const answers = {
  connection: (response: object) => (response as { connection: number }).connection,
} as AnswerWriter;

t.test('LastAnswers knows a connection by its place until it is closed', (t) => {
  const lastAnswers = new LastAnswers(answers);
  t.equal(lastAnswers.has(at(8)), false);
  lastAnswers.add(at(8));
  t.equal(lastAnswers.has(at(8)), true, 'another response on the same connection');
  t.equal(lastAnswers.has(at(16)), false, 'another connection');
  lastAnswers.remove(at(16));
  t.equal(lastAnswers.has(at(8)), true);
  lastAnswers.remove(at(8));
  t.equal(lastAnswers.has(at(8)), false, 'whoever comes to lie there is somebody else');
  t.equal(lastAnswers.size, 0);
  t.end();
});

t.test('LastAnswers knows none that is gone, and none without the addon', (t) => {
  const lastAnswers = new LastAnswers(answers);
  lastAnswers.add(at(0));
  t.equal(lastAnswers.size, 0);
  const blind = new LastAnswers(undefined);
  blind.add(at(8));
  t.equal(blind.has(at(8)), false);
  blind.remove(at(8));
  t.end();
});
