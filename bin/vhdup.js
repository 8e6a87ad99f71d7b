#!/usr/bin/env node
import '../dist/cli/keep-secrets.js';
import { main } from '../dist/cli/main.js';

await main(process.argv.slice(2));
