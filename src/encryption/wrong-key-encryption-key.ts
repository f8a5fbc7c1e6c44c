import { ConfigurationError } from '../config/index.js';

/** The fault that stops the start when stored keys do not open. Names the variable, never a value. */
export function wrongKeyEncryptionKey(message: string): ConfigurationError {
  return new ConfigurationError([{ variable: 'KEY_ENCRYPTION_KEY', message }]);
}
