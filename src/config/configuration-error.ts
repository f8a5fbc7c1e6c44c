/** One fault of the configuration: the variable, and what is wrong with it – never its value. */
export interface ConfigurationFault {
  readonly variable: string;
  readonly message: string;
}

/** The configuration is missing, malformed or weak. The process prints one line per fault and exits with code 78 (EX_CONFIG). */
export class ConfigurationError extends Error {
  constructor(readonly faults: readonly ConfigurationFault[]) {
    super(faults.map(({ variable, message }) => `${variable}: ${message}`).join('\n'));
    this.name = 'ConfigurationError';
  }
}
