import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/src', '<rootDir>/test', '<rootDir>/migrations'],
  testRegex: '\\.(spec|e2e-spec)\\.ts$',
  moduleFileExtensions: ['ts', 'js', 'mjs', 'cjs', 'json', 'node'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': ['$1.ts', '$1.js', '$1'] },
  transform: { '\\.(ts|[cm]?js)$': '<rootDir>/test/support/jest-transform.cjs' },
  transformIgnorePatterns: [],
  globalSetup: '<rootDir>/test/global-setup.mjs',
  globalTeardown: '<rootDir>/test/global-teardown.mjs',
  coverageProvider: 'v8',
  // What hangs fails; how fast the machine is decides nothing.
  testTimeout: 180_000,
  // Most of their time tests wait, for PostgreSQL and for processes: two at a time even on two cores.
  maxWorkers: Math.max(2, availableParallelism() - 1),
};
