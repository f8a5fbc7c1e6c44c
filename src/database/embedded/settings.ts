/** The database of the server, made with the cluster. */
export const DATABASE_NAME = 'signet';

/** The superuser of the cluster, and its only user. */
export const DATABASE_USER = 'postgres';

/**
 * Settings of PostgreSQL for one small server beside Node. What a token's durability hangs on (`fsync`,
 * `synchronous_commit`, `full_page_writes`) is said although it is the default.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '64MB',
  effective_cache_size: '256MB',
  // Short statements only: neither compiling them nor spreading one over processes pays.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  timezone: 'UTC',
  // One file per weekday, overwritten a week later.
  logging_collector: 'on',
  log_directory: 'log',
  log_filename: 'postgresql-%a.log',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_truncate_on_rotation: 'on',
  log_file_mode: '0600',
  log_line_prefix: '%m [%p] ',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // A statement's parameters and the DETAIL of an error hold values, a secret's hash or a person's address among them.
  log_statement: 'none',
  log_min_duration_statement: '-1',
  log_parameter_max_length: '0',
  log_parameter_max_length_on_error: '0',
  log_error_verbosity: 'terse',
};

/** Who may connect: the socket's directory is closed to others, and there is no other way in. */
export const HOST_BASED_AUTHENTICATION = `# TYPE DATABASE USER METHOD\nlocal all ${DATABASE_USER} trust\n`;

/** What a postmaster's command line is made of. */
export interface PostmasterPlan {
  /** The cluster's directory under its real path; identifies the postmaster. */
  readonly directory: string;
  /** The same directory as the child names it. */
  readonly directoryForChild: string;
  readonly socketDirectory: string;
  /** Process id of the Node process that will hold it. */
  readonly supervisor: number;
  /** Override the settings above. */
  readonly settings: Readonly<Record<string, string>>;
}

/** The arguments of `postgres`. Two of them only tell other processes whose postmaster this is; see `findPostmaster`. */
export function postmasterArguments(plan: PostmasterPlan): string[] {
  const settings = {
    ...SETTINGS,
    ...plan.settings,
    unix_socket_directories: plan.socketDirectory,
  };
  return [
    '-D',
    plan.directoryForChild,
    '-c',
    directoryMark(plan.directory),
    '-c',
    supervisorMark(plan.supervisor),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

/** The argument by which a postmaster of this cluster is known. */
export function directoryMark(directory: string): string {
  return `signet.data_directory=${directory}`;
}

/** The argument that names the Node process which started a postmaster. */
export function supervisorMark(pid: number): string {
  return `signet.supervisor=${pid}`;
}

/** The arguments of `initdb` for a cluster in `directory`: UTF-8, compared by code point, case by the Unicode tables. */
export function initdbArguments(directory: string, settings: Readonly<Record<string, string>>): string[] {
  return [
    '-D',
    directory,
    `--username=${DATABASE_USER}`,
    '--auth=trust',
    '--encoding=UTF8',
    '--no-locale',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(settings['fsync'] === 'off' ? ['--no-sync'] : []),
  ];
}
