/**
 * Players that fetch segments of their own ahead of what they play, on one connection each: enough of
 * a player to tell whether it would have stalled.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { RawClient } from './raw-client.js';

export interface PlayersPlan {
  readonly port: number;
  readonly players: number;
  readonly segmentMs: number; // of media in each segment
  readonly ahead: number; // segments that a player holds
  readonly durationMs: number;
  readonly path: (player: number, segment: number) => string;
}

export interface PlayersReport {
  readonly segments: number;
  readonly failed: readonly string[];
  readonly stalled: number; // players whose buffer ran out
  readonly firstByteMs: readonly number[]; // sorted
}

export async function play(plan: PlayersPlan): Promise<PlayersReport> {
  const firstByteMs: number[] = [];
  const failed: string[] = [];
  const endMs = performance.now() + plan.durationMs;
  const one = async (player: number): Promise<boolean> => {
    await delay((plan.segmentMs * player) / plan.players); // they do not ask in step
    let client = await RawClient.open(plan.port);
    let emptyMs = Infinity; // when the buffer runs out
    let stalled = false;
    for (let n = 0; performance.now() < endMs; n += 1) {
      const askedMs = performance.now();
      const path = plan.path(player, n);
      const onHead = (): void => void firstByteMs.push(performance.now() - askedMs);
      const { status, whole } = await client.get(path, [], { onHead, sink: () => undefined });
      const nowMs = performance.now();
      if (status !== 200 || !whole) failed.push(`${path}: ${status}, whole: ${whole}`);
      stalled ||= nowMs > emptyMs;
      emptyMs = (emptyMs === Infinity ? nowMs : Math.max(emptyMs, nowMs)) + plan.segmentMs;
      if (client.isClosed) client = await RawClient.open(plan.port);
      await delay(Math.max(0, emptyMs - nowMs - (plan.ahead - 1) * plan.segmentMs));
    }
    client.close();
    return stalled;
  };
  const ends = await Promise.all(Array.from({ length: plan.players }, (_, player) => one(player)));
  firstByteMs.sort((a, b) => a - b);
  return {
    segments: firstByteMs.length,
    failed,
    stalled: ends.filter(Boolean).length,
    firstByteMs,
  };
}

/** Of sorted values. */
export function quantile(values: readonly number[], share: number): number {
  return values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN;
}
