// One HTTP/1.1 connection that sends the same request again and again: as little work per request as Node allows, since
// whatever the load generator burns on the other core slows down what is measured.
import { connect } from 'node:net';

const bufferSize = 64 * 1024;
const endOfHead = Buffer.from('\r\n\r\n');

/** Status, and length of the whole answer, at the start of `bytes`; undefined while the head is not complete. */
function parseAnswer(bytes) {
  const headLength = bytes.indexOf(endOfHead);
  if (headLength < 0) return undefined;
  const head = bytes.latin1Slice(0, headLength).toLowerCase();
  const status = Number(head.slice(9, 12));
  const bodyStart = headLength + endOfHead.length;
  if (status === 304 || status === 204) return { status, bodyStart, length: bodyStart };
  const at = head.indexOf('\r\ncontent-length:');
  if (at < 0) throw new Error(`an answer without Content-Length: ${head}`);
  return { status, bodyStart, length: bodyStart + Number.parseInt(head.slice(at + 17), 10) };
}

/** A keep-alive connection over which `exchange` sends one request at a time. */
export class Connection {
  #socket;
  #request;
  #pending = Buffer.alloc(0);
  #onAnswer;

  /** Connects; `onAnswer(status, body)` is called for each answer, `body` is valid during the call only. */
  static async open(port, request, onAnswer, onFault) {
    const connection = new Connection();
    connection.#request = Buffer.from(request, 'latin1');
    connection.#onAnswer = onAnswer;
    await new Promise((resolve, reject) => {
      connection.#socket = connect({
        host: '127.0.0.1',
        port,
        noDelay: true,
        onread: {
          buffer: Buffer.allocUnsafe(bufferSize),
          callback: (count, buffer) => {
            try {
              connection.#read(buffer.subarray(0, count));
            } catch (error) {
              onFault(error);
            }
            return true;
          },
        },
      });
      connection.#socket.once('connect', resolve);
      connection.#socket.once('error', reject);
    });
    connection.#socket.on('error', onFault);
    connection.#socket.on('end', () => onFault(new Error('the server closed a connection')));
    return connection;
  }

  send() {
    this.#socket.write(this.#request);
  }

  close() {
    this.#socket.removeAllListeners('end');
    this.#socket.destroy();
  }

  #read(chunk) {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const answer = parseAnswer(bytes);
    if (answer === undefined || bytes.length < answer.length) {
      // The chunk lies in a buffer that the next read overwrites.
      this.#pending = Buffer.from(bytes);
      return;
    }
    if (bytes.length > answer.length) throw new Error('bytes that belong to no request');
    this.#pending = this.#pending.subarray(0, 0);
    this.#onAnswer(answer.status, bytes.subarray(answer.bodyStart, answer.length));
  }
}
