// Loads TypeScript in tests, in worker threads too: tsx by itself registers only in the main one.
import { isMainThread } from 'node:worker_threads';

if (isMainThread) await import('tsx');
else (await import('tsx/esm/api')).register();
