// S: the CPU time of one bare RSA-2048 signature (crypto.sign, SHA-256) of Node's own OpenSSL, synchronous and alone.
import { generateKeyPairSync, sign } from 'node:crypto';
import { helperOptions } from '../support/processes.mjs';

helperOptions();

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
// As long as the signing input of a token here.
const input = Buffer.alloc(420, 'x');

function signFor(ms) {
  const cpu = process.cpuUsage();
  const end = performance.now() + ms;
  let count = 0;
  for (; performance.now() < end; count += 1) sign('sha256', input, privateKey);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000 / count;
}

signFor(200);
process.on('message', ({ signForMs }) => process.send({ cpuMs: signFor(signForMs) }));
process.send({ ready: true });
