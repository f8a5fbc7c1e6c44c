// What the servers that Signet is measured beside have in common.
import { once } from 'node:events';

/**
 * Lets `provider` – of oidc-provider, or an HTTP server – answer on the loopback interface, says so to the bench, and ends with everything it uses on
 * SIGTERM. What else it is given goes with the message that says so.
 */
export async function serveUntilStopped(provider, { port, pool, postgres, ...facts }) {
  const server = provider.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const stop = async () => {
    server.close();
    server.closeAllConnections();
    await pool.end();
    await postgres.stop();
    process.exit(0);
  };
  process.on('SIGTERM', () => void stop());
  process.send({ ready: true, ...facts });
}
