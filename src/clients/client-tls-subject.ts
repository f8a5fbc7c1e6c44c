import { addressBytes, type MergePatch, parseDistinguishedName } from '../protocol/index.js';
import type { Report } from './client-jwks.js';
import type { ClientSettings } from './client.js';
import type { ClientMembers } from './clients.dto.js';

/** The metadata that say what the certificate of a `tls_client_auth` client names (RFC 8705 §2.1.2). */
const subjects = [
  {
    name: 'tls_client_auth_subject_dn',
    setting: 'tlsClientAuthSubjectDn',
    isValid: (text: string) => parseDistinguishedName(text) !== undefined,
    fault:
      'must be a distinguished name such as CN=billing,O=Example (RFC 4514), its attribute types known or identifiers',
  },
  {
    name: 'tls_client_auth_san_dns',
    setting: 'tlsClientAuthSanDns',
    isValid: (text: string) =>
      text.length <= 253 && /^(?:\*\.)?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/.test(text),
    fault: 'must be a DNS name',
  },
  {
    name: 'tls_client_auth_san_uri',
    setting: 'tlsClientAuthSanUri',
    isValid: (text: string) => /^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text),
    fault: 'must be an absolute URI',
  },
  {
    name: 'tls_client_auth_san_ip',
    setting: 'tlsClientAuthSanIp',
    isValid: (text: string) => addressBytes(text) !== null,
    fault: 'must be an IP address',
  },
  {
    name: 'tls_client_auth_san_email',
    setting: 'tlsClientAuthSanEmail',
    isValid: (text: string) => /^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,253}$/.test(text),
    fault: 'must be a mailbox such as billing@example.com',
  },
] as const;

type SubjectSetting = (typeof subjects)[number]['setting'];

/** The part of a patch that names the subject of a certificate. */
export function readTlsSubjects(body: ClientMembers, report: Report): MergePatch<Pick<ClientSettings, SubjectSetting>> {
  for (const { name, isValid, fault } of subjects) {
    const text = body[name];
    if (typeof text === 'string' && !isValid(text)) report(`/${name}`, fault);
  }
  return Object.fromEntries(subjects.map(({ name, setting }) => [setting, body[name]]));
}

/** The members that name a subject in these settings, as in JSON. */
export function namedTlsSubjects(settings: Pick<ClientSettings, SubjectSetting>): string[] {
  return subjects.filter(({ setting }) => settings[setting] !== null).map(({ name }) => name);
}

/** All of the members that may name a subject, as in JSON. */
export const tlsSubjectMembers: readonly string[] = subjects.map(({ name }) => name);
