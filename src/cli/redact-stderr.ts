import { registerEnvironment, redact } from '../redact/redact.js';

/**
 * Imported first, for its effects. A SAS in the arguments is removed from the list of processes (Linux and macOS). Secrets are
 * removed from everything that is written to stderr, also by other modules: the SDK with AZURE_LOG_LEVEL, and Node itself with
 * NODE_DEBUG, which prints the headers of requests.
 */
process.title = 'vhdup';
// With DEBUG=* the proxy agents print the proxy URIs of the environment, complete and in parts.
registerEnvironment(process.env);

const { stderr } = process;
const write = stderr.write.bind(stderr) as (chunk: string | Uint8Array, ...rest: unknown[]) => boolean;
stderr.write = (chunk: string | Uint8Array, ...rest: unknown[]) => write(redacted(chunk), ...rest);

/** Returns the chunk without secrets. Bytes in which none was found are returned unchanged: they may not be text. */
function redacted(chunk: string | Uint8Array): string | Uint8Array {
  const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
  const searched = redact(text);
  return searched === text ? chunk : searched;
}
