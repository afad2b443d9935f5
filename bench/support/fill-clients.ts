/** The filler of scale.ts (a script, see script.ts): some connections walk a range of objects. */
import { objectPath } from './bodies.js';
import { FILL_CONNECTIONS, type FillPlan } from './fill.js';
import { openAll, RawConnection, renderRequest } from './raw-connection.js';
import { serveCalls } from './script.js';

const READ_BYTES = 65_536;

serveCalls({ fill });

async function fill(plan: FillPlan): Promise<void> {
  let next = plan.from;
  let left = plan.to - plan.from;
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  let settle: (error?: Error) => void = () => undefined;
  const finished = new Promise<void>((resolve, reject) => {
    settle = (error): void => {
      if (error) reject(error);
      else resolve();
    };
  });
  const ask = (connection: RawConnection | undefined): void => {
    if (next < plan.to) connection?.send(renderRequest(objectPath(plan.size, next++)));
  };
  const connections = await openAll(plan.connections ?? FILL_CONNECTIONS, (index, onOpen) => {
    let fault = '';
    return new RawConnection(
      { port: plan.port, buffer },
      {
        onHead: (status, length) => {
          if (status !== 200 || length !== plan.size) fault = `${status}, ${length} bytes`;
        },
        onBody: () => true,
        onDone: () => {
          left -= 1;
          if (fault !== '') settle(new Error(`fill: ${fault}`));
          if (left === 0) settle();
          else ask(connections[index]);
        },
        onFailure: (reason) => {
          settle(new Error(`fill: ${reason}`));
        },
      },
      onOpen,
    );
  });
  if (left === 0) return;
  for (const connection of connections) ask(connection);
  await finished;
  for (const connection of connections) connection.close();
}
