/** `headgate purge`: tells a running gateway to forget objects. */
import type { Command } from 'commander';
import { formatListen, type ListenAddress } from '../config/units.js';
import { sendPurge } from '../control/client.js';
import type { PurgeOrder } from '../control/gateway-control.js';
import { GatewayError } from '../errors.js';
import { addSourceOptions, loadFrom, type SourceOptions } from './source-options.js';
import type { Terminal } from './terminal.js';

interface PurgeOptions extends SourceOptions {
  readonly admin?: string;
  readonly prefix?: true;
  readonly all?: true;
  readonly soft?: true;
  readonly host?: string;
}

const TIMEOUT_MS = 90_000; // the node itself gives up after 60 s

export function addPurge(program: Command, terminal: Terminal): void {
  addSourceOptions(program.command('purge'))
    .description('remove objects from the cache of a running gateway')
    .argument('[path]', 'path or URL of the object, as viewers ask for it, query included')
    .option('--prefix', 'every object whose path begins like this')
    .option('--all', 'every object')
    .option('--host <name>', 'only what viewers ask of this host; a URL names its own (key.host)')
    .option('--soft', 'mark as stale instead of removing: served while it is fetched anew')
    .option('--admin <[host:]port>', 'admin port of the gateway (127.0.0.1:9090)')
    .addHelpText('after', '\nThe token is taken from HEADGATE_ADMIN_TOKEN or the file.')
    .action(async (path: string | undefined, options: PurgeOptions) => {
      const order = purgeOrder(path, options);
      const flags =
        options.admin === undefined
          ? []
          : [{ path: 'admin.listen', value: options.admin, name: '--admin' }];
      const { admin } = loadFrom(options, terminal, { flags, checkMachine: false }).config;
      if (admin.listen === false || admin.listen.port === 0) {
        throw new GatewayError('GW_USAGE', 'admin.listen names no port; give one with --admin');
      }
      const url = `http://${formatListen(reachable(admin.listen))}`;
      const { purged } = await sendPurge({ url, token: admin.token, timeoutMs: TIMEOUT_MS }, order);
      terminal.stdout.write(`purged ${purged} ${purged === 1 ? 'object' : 'objects'}\n`);
    });
}

/** @throws GatewayError GW_USAGE */
function purgeOrder(given: string | undefined, options: PurgeOptions): PurgeOrder {
  const { prefix, all } = options;
  const soft = options.soft === true;
  if (all === true && (given !== undefined || prefix === true)) {
    throw new GatewayError('GW_USAGE', '--all goes with neither a path nor --prefix');
  }
  const target = given === undefined ? undefined : targetOf(given);
  const host = options.host ?? target?.host;
  const where = { soft, ...(host !== undefined && { host }) };
  if (all === true) return { scope: 'all', path: '', ...where };
  if (target === undefined) throw new GatewayError('GW_USAGE', 'want a path, or --all');
  return { scope: prefix === true ? 'prefix' : 'exact', path: target.path, ...where };
}

/** @throws GatewayError GW_USAGE */
function targetOf(given: string): { path: string; host?: string } {
  if (/^https?:\/\//i.test(given)) {
    if (!URL.canParse(given)) throw new GatewayError('GW_USAGE', `${given} is not a URL`);
    const { host, pathname, search } = new URL(given);
    return { path: pathname + search, host };
  }
  if (given.startsWith('/')) return { path: given };
  throw new GatewayError('GW_USAGE', "want a path that begins with '/'");
}

/** The wildcard addresses are for listening only. */
export function reachable({ host, port }: ListenAddress): ListenAddress {
  if (host === '0.0.0.0') return { host: '127.0.0.1', port };
  return { host: host === '::' ? '::1' : host, port };
}
