/** What a flood of memory.ts consists of. */
export type FloodKind = 'urls' | 'fields' | 'one-key' | 'many-keys';

export interface FloodPlan {
  readonly port: number; // the gateway's
  readonly kind: FloodKind;
  readonly count: number;
}
