/** Tables and the small statistics behind them. Pure. */

export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface Report {
  readonly name: string;
  readonly question: string;
  readonly tables: readonly Table[];
  readonly conclusions: readonly string[];
  readonly missing: readonly string[]; // contenders that could not take part, with the reason
}

/** A table as markdown with padded columns, so that it reads the same on a terminal. */
export function renderTable(table: Table): string {
  const widths = table.columns.map((column, index) =>
    Math.max(column.length, ...table.rows.map((row) => row[index]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, index) => pad(cell, widths[index] ?? 0, index)).join(' | ')} |`;
  const rule = `|${widths.map((width, index) => (index === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [`**${table.caption}**`, '', line(table.columns), rule, ...table.rows.map(line)].join(
    '\n',
  );
}

export function renderReport(report: Report): string {
  const parts = [`## ${report.name}`, report.question, ...report.tables.map(renderTable)];
  const notes = [...report.conclusions, ...report.missing.map((line) => `Missing: ${line}`)];
  if (notes.length > 0) parts.push(notes.map((line) => `- ${line}`).join('\n'));
  return parts.join('\n\n');
}

/** NaN for an empty list. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank; NaN for an empty list. Sorts a copy. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1);
  return sorted[rank] ?? NaN;
}

export function largest(values: readonly number[]): number {
  return values.reduce((max, value) => Math.max(max, value), -Infinity);
}

export function smallest(values: readonly number[]): number {
  return values.reduce((min, value) => Math.min(min, value), Infinity);
}

/** '12,345' from a thousand up, three significant digits below. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Math.abs(value) >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
}

/** One goal line: what was reached, what was to reach and to aim at, and the verdict. */
export function verdict(what: string, reached: boolean, aimed?: boolean): string {
  if (!reached) return `${what}: **not reached**`;
  if (aimed === undefined) return `${what}: reached`;
  return `${what}: reached${aimed ? ', and the aim too' : ', the aim not yet'}`;
}

function pad(cell: string, width: number, index: number): string {
  return index === 0 ? cell.padEnd(width) : cell.padStart(width);
}
