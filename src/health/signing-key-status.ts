/** What readiness must know of the signing keys. `keys/` has the answer; app.module binds it. */
export abstract class SigningKeyStatus {
  /** Whether there is a key to sign with now. */
  abstract ready(): boolean;
}
