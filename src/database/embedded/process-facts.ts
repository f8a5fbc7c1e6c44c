import { readFile } from 'node:fs/promises';

import { runCommand } from './command.js';
import { systemErrorCode } from './embedded-postgres-error.js';

/** What the operating system says of a living process. */
export interface ProcessFacts {
  readonly parent: number;
  /** Its arguments, the program's name first, with one space between any two. */
  readonly commandLine: string;
}

/**
 * Looks a process up.
 *
 * @returns undefined when there is none, or only its zombie
 */
export async function readProcess(pid: number): Promise<ProcessFacts | undefined> {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** Whether the process id is taken, by a zombie or a stranger's process too. */
export function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemErrorCode(error) === 'EPERM';
  }
}

/** Whether `argument` is one of the process's arguments. */
export function hasArgument(facts: ProcessFacts, argument: string): boolean {
  return ` ${facts.commandLine} `.includes(` ${argument} `);
}

async function fromProc(pid: number): Promise<ProcessFacts | undefined> {
  try {
    const [stat, commandLine] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'utf8'),
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
    ]);
    return parseProcStat(stat, commandLine);
  } catch {
    return undefined;
  }
}

/** Reads `/proc/<pid>/stat` and `/proc/<pid>/cmdline` (arguments that end in a zero byte); undefined for a zombie. */
export function parseProcStat(stat: string, commandLine: string): ProcessFacts | undefined {
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (state === undefined || parent === undefined || state === 'Z' || state === 'X') return undefined;
  return { parent: Number(parent), commandLine: commandLine.replaceAll('\0', ' ').trimEnd() };
}

async function fromPs(pid: number): Promise<ProcessFacts | undefined> {
  const { code, output } = await runCommand('ps', ['-ww', '-o', 'ppid=,stat=,command=', '-p', String(pid)]);
  return code === 0 ? parsePs(output) : undefined;
}

/** Reads the line of `ps -o ppid=,stat=,command=`; undefined for a zombie. */
export function parsePs(line: string): ProcessFacts | undefined {
  const [, parent, state, commandLine] = /^\s*(\d+)\s+(\S+)\s+(.*?)\s*$/.exec(line) ?? [];
  if (parent === undefined || commandLine === undefined || state?.startsWith('Z') !== false) return undefined;
  return { parent: Number(parent), commandLine };
}
