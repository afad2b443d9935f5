/**
 * The port of a node. Workers share theirs silently (SO_REUSEPORT), so that nobody else serves there
 * must be made sure before: by calling, since whoever connected to a listener that only tries would be
 * reset as it goes.
 */
import { once } from 'node:events';
import { connect, createServer, isIPv6 } from 'node:net';
import os from 'node:os';
import { GatewayError } from '../errors.js';
import { listenersOn } from './listeners.js';

const CALL_MS = 1_000; // a listener whose queue is full says nothing

/** `port`, or for 0 one that is free. @throws GatewayError GW_PORT_IN_USE: somebody answers there */
export async function freePort(host: string, port: number): Promise<number> {
  if (port === 0) return tryListening(host, port);
  const calls = addressesToCall(host, port).map((address) => answers(address, port));
  if ((await Promise.all(calls)).includes(true)) {
    throw new GatewayError('GW_PORT_IN_USE', `cannot listen on ${host}:${port}: it is in use`);
  }
  return port;
}

/** After workers could not listen: says what stands against it, which they do not learn. */
export async function explainPort(host: string, port: number, reason: unknown): Promise<unknown> {
  if (!(reason instanceof GatewayError) || reason.code !== 'GW_PORT_IN_USE') return reason;
  try {
    await tryListening(host, port);
    return reason;
  } catch (told) {
    return told;
  }
}

async function tryListening(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : port;
  } catch (reason) {
    const detail = reason instanceof Error ? reason.message : String(reason);
    throw new GatewayError('GW_PORT_IN_USE', `cannot listen on ${host}:${port}: ${detail}`, {
      cause: reason,
    });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

async function answers(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port });
  const timer = setTimeout(() => socket.destroy(new Error('no answer')), CALL_MS);
  try {
    await once(socket, 'connect');
    return true;
  } catch (reason) {
    // Refused, or an address that there is none of: for the workers to find out.
    return reason instanceof Error && reason.message === 'no answer';
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/**
 * Where whoever has the port, or a part of it, would answer. All addresses are as many as the machine has:
 * who listens on one of them keeps its clients, whatever we listen on.
 */
function addressesToCall(host: string, port: number): string[] {
  if (!isWildcard(host)) return [host];
  const ipv6 = host.includes(':');
  const own = ipv6 ? ['::1', '127.0.0.1'] : ['127.0.0.1'];
  const theirs = listenersOn(port) ?? ownAddresses();
  const within = theirs.filter((address) => !isWildcard(address) && (ipv6 || !isIPv6(address)));
  return [...new Set([...own, ...within])];
}

/** Whoever listens on all addresses answers on loopback. */
function isWildcard(address: string): boolean {
  return /^[0:.]+$/.test(address);
}

/** Other systems do not say who listens where. */
function ownAddresses(): string[] {
  const all = Object.values(os.networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ scopeid }) => !scopeid).map(({ address }) => address);
}
