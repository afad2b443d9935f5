/** What the groups of settings are made with. */
import { z } from 'zod';

/** A group of settings; a group left out has the defaults of its settings. */
export function group<S extends z.ZodRawShape>(
  shape: S,
): z.ZodPrefault<z.ZodReadonly<z.ZodObject<S, z.core.$strict>>> {
  return z
    .strictObject(shape)
    .readonly()
    .prefault({} as never);
}
