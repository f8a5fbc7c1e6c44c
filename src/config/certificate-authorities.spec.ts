import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exampleName, issueCertificate } from '../../test/support/certificate-authority.js';
import { authoritiesRule, readAuthorities } from './certificate-authorities.js';

const directory = mkdtempSync(join(tmpdir(), 'signet-authorities-'));
const one = issueCertificate({ subject: exampleName('CA one'), authority: true });
const two = issueCertificate({ subject: exampleName('CA two'), authority: { pathLength: 0 } });
const client = issueCertificate();

afterAll(() => rmSync(directory, { recursive: true }));

function file(content: string): string {
  const path = join(directory, 'authorities.pem');
  writeFileSync(path, content);
  return path;
}

it('reads every certificate of a bundle, whatever stands around them', () => {
  const path = file(`# ours\r\n${one.pem.replaceAll('\n', '\r\n')}\nsubject=CN = CA two\n${two.pem}`);
  expect(authoritiesRule(path)).toBeUndefined();
  expect(readAuthorities(path)?.map(({ fingerprint256 }) => fingerprint256)).toEqual([
    one.x509.fingerprint256,
    two.x509.fingerprint256,
  ]);
});

it.each<[string, () => string, string]>([
  ['no file', () => join(directory, 'missing.pem'), 'must be a PEM file with certificates that can be read'],
  ['a directory', () => directory, 'must be a PEM file with certificates that can be read'],
  ['an empty file', () => file(''), 'names a file without a certificate'],
  [
    'another file',
    () => file('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'),
    'names a file without a certificate',
  ],
  [
    'a damaged certificate',
    () => file(one.pem.replace(/\n.{64}\n/, '\nAAAA\n')),
    'must be a PEM file with certificates that can be read',
  ],
  [
    'the certificate of a client',
    () => file(one.pem + client.pem),
    'names a file with a certificate that is not of an authority',
  ],
])('refuses %s, without naming it', (_, path, fault) => {
  expect(authoritiesRule(path())).toBe(fault);
});
