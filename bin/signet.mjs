#!/usr/bin/env node
// The command line. As everything else it is built when it is first called, or has changed.
process.argv.splice(2, 0, 'signet');
await import('../scripts/start.mjs');
