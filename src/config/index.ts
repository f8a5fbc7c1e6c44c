export {
  ApiDocsConfig,
  AuditConfig,
  BootstrapConfig,
  ClientCertificateConfig,
  type Config,
  DatabaseConfig,
  EventConfig,
  KeyConfig,
  QueueConfig,
  ServerConfig,
  TokenConfig,
  TracingConfig,
} from './config.js';
export { ConfigModule } from './config.module.js';
export { ConfigurationError, type ConfigurationFault } from './configuration-error.js';
export { Secret } from './secret.js';
export { loadConfig, type LoadedConfig } from './env.js';
