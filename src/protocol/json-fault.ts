/** Why a JSON text was refused: `pointer` says where (RFC 6901, `''` is the whole text), `detail` what; both may leave. */
export class JsonFault extends Error {
  override readonly name = 'JsonFault';
  readonly pointer: string;
  readonly detail: string;

  constructor(pointer: string, detail: string) {
    super(detail);
    this.pointer = pointer;
    this.detail = detail;
  }
}
