// CPU time and memory of processes, as /proc tells them (proc(5)). Linux only.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

let ticksPerSecond;

/** Fields of /proc/PID/stat from the third on; the second, a name, may hold anything. undefined: there is no such process. */
function statFields(pid) {
  let text;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function ticksToMs(ticks) {
  ticksPerSecond ??= Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  return (ticks * 1000) / ticksPerSecond;
}

/** utime + stime of all threads of a process, in milliseconds; a thread that has ended included. */
export function processCpuMs(pid) {
  const fields = statFields(pid);
  if (fields === undefined) throw new Error(`there is no process ${pid}`);
  return ticksToMs(Number(fields[11]) + Number(fields[12]));
}

/** The same of a process, of its living children, and of those that have ended and were waited for. */
export function familyCpuMs(pid) {
  let ticks = 0;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(name);
    if (fields?.[1] === String(pid)) ticks += Number(fields[11]) + Number(fields[12]);
  }
  const own = statFields(pid);
  if (own === undefined) throw new Error(`there is no process ${pid}`);
  return ticksToMs(own.slice(11, 15).reduce((sum, field) => sum + Number(field), ticks));
}

/** CPU time that the whole machine has spent on anything so far, in milliseconds; what a hypervisor stole is left out. */
export function machineCpuMs() {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]
    .split(/\s+/)
    .slice(1);
  return ticksToMs([user, nice, system, irq, softirq].reduce((sum, field) => sum + Number(field), 0));
}

/** Resident memory of a process in MiB, shared pages included. */
export function residentMiB(pid) {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

/** The embedded PostgreSQL in `dataDir`: process id of its postmaster, and the URL of its database. */
export function embeddedPostgres(dataDir) {
  const lines = readFileSync(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8').split('\n');
  return {
    pid: Number(lines[0]),
    url: `postgresql://postgres@/signet?host=${encodeURIComponent(lines[4].trim())}`,
  };
}
