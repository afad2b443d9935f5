/** Thread entry of uws.test.ts: serves on a free port until told to stop. */
import { parentPort, workerData } from 'node:worker_threads';
import { asGatewayError } from '../../../src/errors.js';
import { loadUws, type UwsOptions } from '../../../native/uws.js';

try {
  const uws = loadUws(workerData as UwsOptions);
  const app = uws.App();
  process.on('exit', () => app.close());
  app.get('/', (res) => {
    res.end('from a thread');
  });
  app.listen('127.0.0.1', 0, (socket) => {
    if (socket) parentPort?.postMessage({ port: uws.us_socket_local_port(socket) });
  });
  parentPort?.once('message', () => {
    app.close();
  });
} catch (error) {
  parentPort?.postMessage({ code: asGatewayError(error).code });
}
