/** h2o serving files: no cache and no origin, the floor of what static serving costs. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bodyOf, objectPath } from './bodies.js';
import { findProgram } from './children.js';
import { freePort, launch, workFolder, type Contender, type RunningServer } from './contender.js';

export interface FileSet {
  readonly size: number;
  readonly count: number;
}

export function h2o(files: readonly FileSet[]): Contender {
  const program = findProgram('h2o');
  return {
    name: 'h2o files',
    cache: false,
    missing: () => (program === undefined ? 'h2o is not installed' : undefined),
    version: () => {
      if (program === undefined) return '';
      return spawnSync(program, ['-v'], { encoding: 'utf8' }).stdout.split('\n')[0] ?? '';
    },
    start: async (plan): Promise<RunningServer> => {
      const folder = workFolder('h2o');
      const port = await freePort();
      for (const set of files) writeFiles(join(folder, 'root'), set);
      const config = join(folder, 'h2o.conf');
      writeFileSync(config, h2oConfig(folder, port, plan.workers));
      const args = ['-m', 'worker', '-c', config];
      return launch({ command: program ?? 'h2o', args, core: plan.core, port, folder });
    },
  };
}

function writeFiles(root: string, set: FileSet): void {
  for (let n = 0; n < set.count; n++) {
    const path = join(root, objectPath(set.size, n));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bodyOf(set.size, n));
  }
}

function h2oConfig(folder: string, port: number, workers: number): string {
  const user = process.getuid?.() === 0 ? 'user: root' : '';
  return `
${user}
num-threads: ${workers}
max-connections: 16384
limit-request-body: 1024
http1-request-timeout: 75
listen: { host: 127.0.0.1, port: ${port} }
hosts:
  default:
    paths:
      /: { file.dir: ${folder}/root }
`;
}
