#!/usr/bin/env node
import module from 'node:module';

// Node 22 and later keep the compiled code, and start faster the next time.
module.enableCompileCache?.();
await import('../dist/bundle/redact-stderr.js');
const { main } = await import('../dist/bundle/main.js');
await main(process.argv.slice(2));
