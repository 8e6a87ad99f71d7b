#!/usr/bin/env node
import '../dist/bundle/keep-secrets.js';
import { main } from '../dist/bundle/main.js';

await main(process.argv.slice(2));
