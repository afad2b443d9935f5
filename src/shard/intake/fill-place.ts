/** Which fill an ask belongs to: what it asks the origin for, and under which key others find it. */
import type { AskRequest } from '../../protocol/messages.js';
import { secondaryKey } from '../../rules/vary.js';
import type { Entry, Stored } from '../holdings/entry.js';
import type { Fill } from './fill.js';
import type { KeyFills } from './key-fills.js';
import { fillRange, isOneRange, reachesSoon } from './parts.js';

export interface FillPlace {
  readonly slotKey: string;
  readonly range: string;
  readonly stored: Stored | undefined;
}

export interface Known {
  readonly entry: Entry | undefined;
  readonly whole: Stored | undefined;
  readonly fills: KeyFills | undefined;
}

/** Under which slot key the fill for this ask is found, what range that asks for, and what it validates. */
export function placeOf(request: AskRequest, { entry, whole, fills }: Known): FillPlace {
  const secondary = secondaryKey(entry?.vary ?? [], request.headers);
  const range = rangeOf(request, whole, fills?.find(secondary));
  if (range !== '') return { slotKey: `${secondary}\n${range}`, range, stored: undefined };
  return { slotKey: secondary, range, stored: whole };
}

function rangeOf(request: AskRequest, whole: Stored | undefined, under: Fill | undefined): string {
  if (request.beyond) return isOneRange(request.range) ? request.range : '';
  if (whole !== undefined || reachesSoon(under, request.range)) return '';
  return fillRange(request);
}
