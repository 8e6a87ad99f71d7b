import { withoutSecrets } from '../blob/without-secrets.js';

/**
 * Imported for its effect, before all else: a SAS that stands in the arguments is not left in the list of processes
 * (Linux and macOS), and whatever is written to stderr goes without secrets. That holds also for what others write
 * there: the SDK with AZURE_LOG_LEVEL, Node itself with NODE_DEBUG, which prints the headers of requests.
 */
process.title = 'vhdup';

const { stderr } = process;
const write = stderr.write.bind(stderr) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;
stderr.write = (chunk: string | Uint8Array, ...rest: unknown[]) => write(typeof chunk === 'string' ? withoutSecrets(chunk) : chunk, ...rest);
