export { BindingModule } from './binding.module.js';
export type { ClientCertificate } from './client-certificate.js';
export { ClientCertificates } from './client-certificates.js';
export { DpopProofs } from './dpop-proofs.js';
