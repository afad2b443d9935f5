/** What a run has found and what it has looked at, in words. */
import type { Finding } from './findings.js';
import type { Report } from './run.js';

export function printFinding({ class: name, kind, what, atMs, trace }: Finding): void {
  console.log(`FOUND ${name} (${kind}) after ${atMs} ms: ${what}`);
  for (const line of trace) console.log(`    ${line}`);
}

/** True: the gateways ended in order. */
export function printReport(report: Report): boolean {
  const { judged, counts, exits, disturbed } = report;
  const part = (prefix: string): string =>
    [...judged]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => `${name.slice(prefix.length)} ${count}`)
      .join(', ');
  const mib = Math.round(report.bytes / 1_048_576);
  const total = [...judged].reduce(
    (sum, [name, n]) => (name.startsWith('kind ') ? sum + n : sum),
    0,
  );
  console.log(`${Math.round(report.ranMs)} ms, ${total} answers judged, ${mib} MiB of bodies`);
  console.log(`  kinds: ${part('kind ')}`);
  console.log(`  GET: ${part('GET ')}`);
  console.log(`  HEAD: ${part('HEAD ')}`);
  console.log(`  refused: ${part('refused ')}`);
  console.log(`  origin: ${report.originRequests} requests`);
  console.log(
    `  ${Object.entries(disturbed)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')}`,
  );
  if (counts.size === 0) console.log('nothing found');
  for (const [name, count] of counts) console.log(`  ${count} x ${name}`);
  const failed = exits.filter(({ code }) => code !== 0);
  for (const { code, log } of failed) {
    console.log(`a gateway ended with ${code}: ${log.slice(-4_000)}`);
  }
  return failed.length === 0;
}
