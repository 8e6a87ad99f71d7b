import { VhdupError, messageOf } from '../errors.js';
import { redact } from '../redact/redact.js';
import type { CredentialSource } from './credential-sources.js';
import type { TokenCredential } from './token.js';

/** The name of the last place where a credential is looked for. */
export const IDENTITY_NAME = 'Azure sign-in (az login, managed identity, AZURE_CLIENT_ID, …)';

/** The most characters that a hint repeats of what one credential of the chain says. */
const MAX_REASON = 160;

/**
 * Returns the credential of the Azure identity chain. A sign-in ends after `deadlineMs`: its own HTTP client has no deadline. Its
 * error is `not-authorised` if the chain has no credential; the hint lists `skipped` and what the chain says.
 */
export async function identityCredential(
  endpoint: string,
  skipped: readonly CredentialSource[],
  deadlineMs: number,
): Promise<TokenCredential> {
  const { DefaultAzureCredential } = await import('@azure/identity');
  return explained(new DefaultAzureCredential(), endpoint, skipped, deadlineMs);
}

/**
 * The error of a sign-in that fails after an earlier one has succeeded: the network, or the program that signs in, fails in passing
 * more often than a credential is withdrawn. Its code makes it one that is tried again.
 */
class RenewalFailure extends Error {
  override readonly name = 'RenewalFailure';
  readonly code = 'TokenNotRenewed';
}

/** Returns a credential with a deadline, whose errors say what was looked for. */
export function explained(
  credential: TokenCredential,
  endpoint: string,
  skipped: readonly CredentialSource[],
  deadlineMs: number,
): TokenCredential {
  let hasSignedIn = false;
  return {
    getToken: async (scopes, options) => {
      try {
        const token = await credential.getToken(scopes, { ...options, abortSignal: AbortSignal.timeout(deadlineMs) });
        hasSignedIn = true;
        return token;
      } catch (error) {
        if (!isSignInError(error)) throw error;
        if (hasSignedIn) throw new RenewalFailure(`the token cannot be renewed: ${reasonOf(error)}`);
        throw noCredential(endpoint, [...skipped, ...chainReasons(error)]);
      }
    },
  };
}

/** Returns true for an error of the identity chain that says that there is no credential, or that it was refused. */
export function isSignInError(error: unknown): boolean {
  return error instanceof Error && /^(CredentialUnavailable|Authentication|AggregateAuthentication)/.test(error.name);
}

/** Returns the error for a blob without a credential. `skipped`: where it was looked for. */
export function noCredential(endpoint: string, skipped: readonly CredentialSource[]): VhdupError {
  const isChained = skipped.some(({ name }) => name.startsWith(IDENTITY_NAME));
  return new VhdupError('not-authorised', `no credential for ${endpoint}`, {
    hint: [
      'looked for:',
      ...skipped.map(({ name, skipped: why = 'none' }) => `  ${name}: ${why}`),
      ...(isChained ? [] : [`  ${IDENTITY_NAME}: only for https hosts of the service`]),
      isChained
        ? 'sign in with "az login", or set AZURE_STORAGE_CONNECTION_STRING, or add a SAS to the URI'
        : 'set AZURE_STORAGE_CONNECTION_STRING, or add a SAS to the URI',
    ].join('\n'),
  });
}

/** Returns what each credential of the chain says, in a line each. */
function chainReasons(error: unknown): CredentialSource[] {
  const inner =
    error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? (error.errors as unknown[]) : [error];
  return inner.map((each, index) => ({
    name: index === 0 ? IDENTITY_NAME : '  and',
    skipped: reasonOf(each),
  }));
}

function reasonOf(error: unknown): string {
  // The first sentence has the reason. What follows are addresses of help pages.
  const [line = ''] = redact(messageOf(error))
    .trim()
    .split(/[\r\n]|(?<=[^.]\.)\s/, 1);
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line;
}
