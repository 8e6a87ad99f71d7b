import type { SessionOptions } from '../session/options.js';
import { credentialOptions } from './credential-flags.js';
import type { CredentialFlags, OutputFlags } from './definition/shared-flags.js';
import { interruptible } from './interrupt.js';
import { progressView } from './progress.js';

/**
 * Runs a command that sends a few requests for a blob and moves no content. `work` gets the library's options for the flags. Notes,
 * warnings, and with `--verbose` each request, go to stderr.
 */
export async function runOnBlob<T>(
  flags: CredentialFlags & OutputFlags,
  uri: string | undefined,
  work: (options: SessionOptions & { readonly signal: AbortSignal }) => Promise<T>,
): Promise<T> {
  const credentials = await credentialOptions(flags, uri);
  const { onEvent } = progressView(flags);
  return interruptible((signal) => work({ ...credentials, signal, onEvent }));
}
