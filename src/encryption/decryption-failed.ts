/** A ciphertext does not open: another key, another place (its associated data), or altered bytes. Which one is not told. */
export class DecryptionFailed extends Error {
  constructor() {
    super('the ciphertext does not open');
    this.name = 'DecryptionFailed';
  }
}
