/**
 * Who may import whom. `npm run boundaries` holds it; docs/architecture.md draws it.
 *
 * Each module of src/ is listed once, below those that it may import. A module that is not listed may import none, so a new
 * one asks for its line here. Every module but those of `composition` is entered through its index.ts alone.
 */
const modules = {
  protocol: [],
  clock: [],
  cli: [],
  cluster: [],
  diagnosis: ['config', 'database', 'encryption', 'keys'],
  measurements: [],
  identifiers: ['protocol'],
  config: ['protocol'],
  database: ['clock', 'config', 'measurements'],
  queue: ['database', 'measurements', 'protocol'],
  http: ['database', 'measurements', 'protocol'],
  encryption: ['config', 'database'],
  tracing: ['config', 'measurements'],
  limits: ['clock', 'measurements'],
  audit: ['clock', 'config', 'database', 'encryption', 'identifiers', 'limits', 'protocol', 'queue'],
  outbox: ['clock', 'config', 'database', 'identifiers', 'measurements'],
  replay: ['database', 'queue'],
  egress: ['clock', 'config', 'protocol'],
  binding: ['clock', 'config', 'database', 'encryption', 'protocol', 'replay'],
  access: ['audit', 'binding', 'clock', 'config', 'http', 'protocol'],
  openapi: ['access', 'config', 'http', 'protocol'],
  'audit-log': ['access', 'audit', 'clock', 'database', 'encryption', 'http', 'openapi', 'protocol'],
  statistics: ['access', 'audit', 'clock', 'database', 'http', 'limits', 'openapi', 'protocol', 'queue'],
  keys: [
    ...['access', 'audit', 'clock', 'config', 'database', 'encryption', 'http', 'openapi', 'outbox', 'protocol'],
    ...['measurements', 'queue'],
  ],
  scopes: ['access', 'audit', 'config', 'database', 'encryption', 'http', 'measurements', 'openapi', 'protocol'],
  clients: [
    ...[
      'access',
      'audit',
      'binding',
      'clock',
      'config',
      'database',
      'egress',
      'encryption',
      'http',
      'outbox',
      'protocol',
    ],
    ...['openapi', 'queue', 'replay', 'scopes'],
  ],
  token: [
    ...[
      'access',
      'audit',
      'binding',
      'clock',
      'clients',
      'config',
      'database',
      'http',
      'identifiers',
      'keys',
      'limits',
      'protocol',
    ],
    ...['encryption', 'measurements', 'openapi', 'outbox', 'queue', 'replay', 'scopes', 'statistics'],
  ],
  events: [
    ...['access', 'audit', 'clients', 'clock', 'config', 'database', 'egress', 'encryption', 'http', 'identifiers'],
    ...['keys', 'limits', 'measurements', 'openapi', 'outbox', 'protocol', 'queue', 'scopes', 'token'],
  ],
  sync: [
    ...['access', 'audit', 'clients', 'clock', 'config', 'database', 'encryption', 'http', 'identifiers'],
    ...['measurements', 'openapi', 'outbox', 'protocol', 'queue', 'token'],
  ],
  metrics: ['access', 'measurements', 'openapi'],
  health: ['access', 'clock', 'database', 'keys', 'openapi', 'queue'],
};

/** Modules inside a module, with an index.ts of their own. */
const nested = [
  ...['database/embedded', 'clients/authentication'],
  ...['records', 'ingest', 'subscriptions', 'router', 'delivery', 'observation', 'dead-letters', 'poll'].map(
    (part) => `events/${part}`,
  ),
];

/** Inside `events/`: what each part may import of the others; its module imports them all. */
const eventParts = {
  records: [],
  subscriptions: ['records'],
  ingest: ['records'],
  router: ['records', 'subscriptions'],
  delivery: ['records', 'subscriptions'],
  observation: ['records'],
  'dead-letters': ['records'],
  poll: ['records', 'subscriptions'],
};

/** The files that put the modules together; nothing imports them but each other, and tests. */
const composition = '^src/[^/]+\\.ts$';

/** Tests beside the source may also use what the tests share. */
const spec = '\\.spec\\.ts$';

/** What `protocol/` does without: frameworks, databases, the network, files, time. */
const machinery =
  '^(node:)?(child_process|cluster|dgram|dns|fs|http|http2|https|net|os|process|timers|tls|worker_threads)(/|$)';

const alternatives = (names) => (names.length === 0 ? '' : `(${names.join('|')})/`);

/** One rule for each module: of src/ it reaches itself and what its line allows. */
const arrows = Object.entries(modules).map(([name, allowed]) => ({
  name: `arrows-of-${name}`,
  comment: `${name}/ may import ${allowed.length === 0 ? 'nothing else of src/' : allowed.join(', ')}.`,
  severity: 'error',
  from: { path: `^src/${name}/` },
  to: { path: '^src/', pathNot: `^src/${alternatives([name, ...allowed])}` },
}));

const eventArrows = Object.entries(eventParts).map(([name, allowed]) => ({
  name: `arrows-of-events-${name}`,
  comment: `events/${name}/ may import ${allowed.length === 0 ? 'no other part' : allowed.join(', ')} of events/.`,
  severity: 'error',
  from: { path: `^src/events/${name}/` },
  to: { path: '^src/events/', pathNot: `^src/events/${alternatives([name, ...allowed])}` },
}));

module.exports = {
  forbidden: [
    ...arrows,
    ...eventArrows,
    {
      name: 'module-without-a-line',
      comment: 'Each module of src/ has its line in `modules`.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: `^src/${alternatives(Object.keys(modules))}` },
      to: { path: '.' },
    },
    {
      name: 'module-by-its-index',
      comment: 'A module is entered through its index.ts.',
      severity: 'error',
      from: { path: '^src/([^/]+)/' },
      to: { path: '^src/[^/]+/', pathNot: '^src/($1/|[^/]+/index\\.ts$)' },
    },
    {
      name: 'composition-by-index',
      comment:
        'The composing files enter modules through index.ts too; the commands also the supervisor of the embedded database.',
      severity: 'error',
      from: { path: composition },
      to: { path: '^src/[^/]+/', pathNot: '^src/([^/]+|database/embedded)/index\\.ts$' },
    },
    {
      name: 'nested-module-by-its-index',
      comment: 'So is a module inside a module.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: `^src/${alternatives(nested)}` },
      to: { path: `^src/${alternatives(nested)}`, pathNot: '/index\\.ts$' },
    },
    {
      name: 'tracing-on-demand',
      comment: 'Who does not trace does not load what tracing takes.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^src/tracing/open-telemetry\\.ts$', dynamic: false },
    },
    {
      name: 'tracing-packages-in-one-file',
      comment: 'Only one file knows where spans go.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/tracing/open-telemetry\\.ts$' },
      to: { path: 'node_modules/@opentelemetry/' },
    },
    {
      name: 'supervisor-alone',
      comment: 'The embedded database is a program of its own to the rest: only the commands start it.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/database/embedded/|${composition}` },
      to: { path: '^src/database/embedded/' },
    },
    {
      name: 'supervisor-imports-nothing',
      comment: 'The tests start it before anything else is there.',
      severity: 'error',
      from: { path: '^src/database/embedded/' },
      to: { path: '^src/', pathNot: '^src/database/embedded/' },
    },
    {
      name: 'composition-on-top',
      comment: 'No module knows the application that it is part of.',
      severity: 'error',
      from: { path: '^(src/[^/]+/|migrations/)' },
      to: { path: composition },
    },
    {
      name: 'protocol-is-pure',
      comment: 'protocol/ is what the specifications say: functions of their arguments, on ipaddr.js at most.',
      severity: 'error',
      from: { path: '^src/protocol/', pathNot: spec },
      to: { path: `(${machinery}|node_modules/(?!ipaddr\\.js/))` },
    },
    {
      name: 'migrations-stand-alone',
      comment: 'A migration says what the database became then; code that changes later must not change it.',
      severity: 'error',
      from: { path: '^migrations/', pathNot: spec },
      to: { path: '^(src|test|bench|scripts)/' },
    },
    {
      name: 'migrations-by-their-index',
      comment: 'Only the data source knows the migrations.',
      severity: 'error',
      from: { path: '^src/', pathNot: spec },
      to: { path: '^migrations/', pathNot: '^migrations/index\\.ts$' },
    },
    {
      name: 'migrations-of-the-data-source',
      comment: 'Only the data source knows the migrations.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/database/data-source\\.ts$' },
      to: { path: '^migrations/' },
    },
    {
      name: 'production-knows-no-test',
      comment: 'What runs in production imports neither tests nor benchmarks nor scripts.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: spec },
      to: { path: `(^(test|bench|scripts)/|${spec})` },
    },
    {
      name: 'production-without-dev-dependencies',
      comment: '`npm ci --omit=dev` must be enough to run.',
      severity: 'error',
      from: { path: '^(src|migrations)/', pathNot: spec },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'type-only'] },
    },
    {
      name: 'declared-dependencies',
      comment: 'A package that is imported stands in package.json.',
      severity: 'error',
      from: { path: '.', pathNot: '^sdk/src/nestjs/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'tests-by-the-front-door',
      comment:
        'e2e and conformance tests judge the server over HTTP; what they look up beside that, they look up like anybody else.',
      severity: 'error',
      from: { path: '^test/(e2e|conformance)/' },
      to: {
        path: '^(src|migrations)/',
        pathNot: '^src/(app\\.setup\\.ts$|([^/]+|events/[^/]+)/index\\.ts$|database/embedded/)',
      },
    },
    {
      name: 'sdk-stands-alone',
      comment: 'The SDK runs in other services: of this repository it knows itself.',
      severity: 'error',
      from: { path: '^sdk/' },
      to: { path: '^(src|migrations|test|bench|scripts)/' },
    },
    {
      name: 'server-without-sdk',
      comment: 'The SDK is for those who call the server; tests are.',
      severity: 'error',
      from: { path: '^(src|migrations)/' },
      to: { path: '^sdk/' },
    },
    {
      name: 'no-cycles',
      comment: 'Neither at run time nor among types.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'Every import leads somewhere; the child process of one test is copied beside what it imports.',
      severity: 'error',
      from: { pathNot: '^test/support/embedded-postgres-child\\.mjs$' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-deprecated-core',
      comment: 'Parts of Node.js that are on their way out.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['deprecated'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.d.mts'],
    },
  },
};
