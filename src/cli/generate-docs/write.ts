import { writeFileSync } from 'node:fs';
import { cliPage } from './cli-page.js';
import { manPage } from './man-page.js';

// Run by "npm run docs".
writeFileSync(new URL('../../../docs/CLI.md', import.meta.url), cliPage());
writeFileSync(new URL('../../../docs/vhdup.1', import.meta.url), manPage());
