/** Header field lines as the whole house passes them: lower-case names, in order, duplicates kept. */

export type FieldLine = readonly [name: string, value: string];
export type FieldLines = readonly FieldLine[];

/** All lines of one field joined with ', ' (RFC 9110 section 5.3); undefined when absent. */
export function fieldValue(lines: FieldLines, name: string): string | undefined {
  let value: string | undefined;
  for (const line of lines) {
    if (line[0] === name) value = value === undefined ? line[1] : `${value}, ${line[1]}`;
  }
  return value;
}
