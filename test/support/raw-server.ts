/** A TCP server that says exactly the bytes a test wants it to, however wrong they are. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

export interface RawRequest {
  readonly head: string; // request line and fields, without the empty line
  readonly socket: Socket;
  readonly connection: number; // 1 for the first connection accepted
  readonly nth: number; // 1 for the first request on its connection
}

export interface RawServer {
  readonly url: string;
  readonly heads: string[]; // of every request, in order of arrival
  connections(): number; // accepted so far
  stop(): Promise<void>;
}

/** Calls `answer` at the end of each request's header section; bodies are left to it. */
export async function startRawServer(answer: (request: RawRequest) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  const heads: string[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    const connection = connections;
    let nth = 0;
    let pending = '';
    sockets.add(socket);
    socket.on('error', () => undefined); // resets are part of the tests
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      for (let end = pending.indexOf('\r\n\r\n'); end !== -1; end = pending.indexOf('\r\n\r\n')) {
        const head = pending.slice(0, end);
        pending = pending.slice(end + 4);
        nth += 1;
        heads.push(head);
        answer({ head, socket, connection, nth });
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    heads,
    connections: () => connections,
    async stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
}
