/** Small changes of messages, of the kinds on which parsers differ. */

export interface Mutation {
  readonly random: () => number; // 0..1
  readonly pieces: readonly string[]; // what may be put in
}

/** One change, half of them where a line begins. */
export function mutate(text: string, { random, pieces }: Mutation): string {
  const below = (limit: number): number => Math.floor(random() * limit);
  const oneOf = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const lineStart = (): number => {
    const starts = [...text.matchAll(/\r\n/g)].map(({ index }) => index + 2);
    return starts.length === 0 ? 0 : oneOf(starts);
  };
  const at = random() < 0.5 ? lineStart() : below(text.length);
  switch (below(5)) {
    case 0:
      return text.slice(0, at) + text.slice(at + 1 + below(3));
    case 1:
      return text.slice(0, at) + String.fromCharCode(below(256)) + text.slice(at + 1);
    case 2: {
      const end = Math.min(text.length, at + below(40));
      return text.slice(0, end) + text.slice(at, end) + text.slice(end);
    }
    default:
      return text.slice(0, at) + oneOf(pieces) + text.slice(at);
  }
}
