import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { VhdupError, messageOf } from '../errors.js';
import { option } from '../option-names.js';
import { registerSecret } from '../redact/redact.js';
import type { ContainerLocation } from './location.js';

/** Environment variables, by name. Some of them hold credentials. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A SAS or an account key, with the account that it is for. */
export interface ConfiguredCredential {
  /** `undefined`: it is not known which account it is for. */
  readonly account: string | undefined;
  readonly endpoint: string | undefined;
  readonly key: StorageSharedKeyCredential | undefined;
  readonly sas: string | undefined;
}

/** A SAS for all blobs of an account. */
export interface AccountSas {
  /** That of the account, such as `https://ACCOUNT.blob.core.windows.net`. */
  readonly endpoint: string;
  /** `undefined` if the endpoint does not name it. */
  readonly account?: string | undefined;
  /** Without a question mark before it. A secret. */
  readonly sas: string;
}

/** Where credentials are looked for, besides the URI of the blob. */
export interface Configuration {
  readonly environment: Environment;
  /** Replaces the credentials of the environment. */
  readonly accountSas?: AccountSas | undefined;
}

/** A place where a credential is looked for. */
export interface CredentialSource {
  /** Such as `AZURE_STORAGE_KEY`. */
  readonly name: string;
  /** The credential, if it is for the blob. A secret. */
  readonly credential?: ConfiguredCredential;
  /** Why there is none for the blob, in words that complete a line: "not set". */
  readonly skipped?: string;
}

/** The variables that may hold a SAS or a key, in the order in which they are looked at. */
const VARIABLES = ['AZURE_STORAGE_CONNECTION_STRING', 'AZURE_STORAGE_KEY', 'AZURE_STORAGE_SAS_TOKEN'] as const;

/**
 * Yields the places where a SAS or key for a blob is looked for, in order; the first one with a credential is used. Throws
 * `not-authorised` at one that holds a text that is no credential.
 */
export function* credentialSources(
  location: ContainerLocation,
  { environment, accountSas }: Configuration,
): Generator<CredentialSource> {
  const { sas } = location;
  const account = valueOf(environment, 'AZURE_STORAGE_ACCOUNT');
  yield sas === undefined
    ? { name: 'SAS in the URI', skipped: 'none' }
    : { name: 'SAS in the URI', credential: { sas, account: location.account, endpoint: undefined, key: undefined } };
  if (accountSas) {
    const name = option('accountSas');
    yield checkedSource(name, location, { account: undefined, key: undefined, ...accountSas });
    for (const variable of VARIABLES) yield { name: variable, skipped: `replaced by ${name}` };
    return;
  }
  yield sourceOf('AZURE_STORAGE_CONNECTION_STRING', location, environment, parseConnectionString);
  yield sourceOf('AZURE_STORAGE_KEY', location, environment, (key) =>
    account === undefined
      ? 'set, but AZURE_STORAGE_ACCOUNT is not: it says which account the key is for'
      : { account, key: sharedKey(account, key), endpoint: undefined, sas: undefined },
  );
  yield sourceOf('AZURE_STORAGE_SAS_TOKEN', location, environment, (token) => ({
    account,
    sas: token.replace(/^\?/, ''),
    endpoint: undefined,
    key: undefined,
  }));
}

/** Returns all places with what was found there. A text that is no credential is the reason to skip its place. */
export function sourcesOf(location: ContainerLocation, configuration: Configuration): readonly CredentialSource[] {
  const sources: CredentialSource[] = [];
  try {
    for (const source of credentialSources(location, configuration)) sources.push(source);
  } catch (error) {
    sources.push({ name: messageOf(error), skipped: 'the places after it were not checked' });
  }
  return sources;
}

/** `parse`: returns the credential, or why the text is not used. */
function sourceOf(
  name: (typeof VARIABLES)[number],
  location: ContainerLocation,
  environment: Environment,
  parse: (text: string) => ConfiguredCredential | string,
): CredentialSource {
  const text = valueOf(environment, name);
  if (text === undefined) return { name, skipped: 'not set' };
  const credential = parse(text);
  if (typeof credential === 'string') return { name, skipped: credential };
  return checkedSource(name, location, credential);
}

/** Returns the place with its credential, if that is for the blob. */
function checkedSource(name: string, location: ContainerLocation, credential: ConfiguredCredential): CredentialSource {
  if (belongsTo(credential, location)) return { name, credential };
  const { account, endpoint } = credential;
  return {
    name,
    skipped: account
      ? `is for account ${account}`
      : endpoint === undefined
        ? 'its account is not known, so it is sent to hosts of the service only'
        : `is for ${endpoint}`,
  };
}

function valueOf(environment: Environment, name: string): string | undefined {
  const text = environment[name];
  return text === undefined || text === '' ? undefined : text;
}

function parseConnectionString(text: string): ConfiguredCredential {
  let service: BlobServiceClient;
  try {
    // The SDK requires a protocol beside an account key even if an endpoint is named. Other tools assume https.
    const isComplete = /(^|;)\s*(DefaultEndpointsProtocol|SharedAccessSignature|UseDevelopmentStorage)=/i.test(text);
    service = BlobServiceClient.fromConnectionString(isComplete ? text : `DefaultEndpointsProtocol=https;${text}`);
  } catch {
    throw new VhdupError(
      'not-authorised',
      'AZURE_STORAGE_CONNECTION_STRING is not a connection string with an AccountKey or a SharedAccessSignature',
    );
  }
  const url = new URL(service.url);
  const sas = url.search.slice(1);
  const endpoint = `${url.origin}${url.pathname}`.replace(/\/$/, '');
  const { credential, accountName: account } = service;
  const key = /(?:^|;)\s*AccountKey=([^;]+)/i.exec(text)?.[1];
  if (key !== undefined) registerSecret(key);
  return credential instanceof StorageSharedKeyCredential
    ? { account, endpoint, key: credential, sas: undefined }
    : { account, endpoint, key: undefined, sas };
}

function sharedKey(account: string, key: string): StorageSharedKeyCredential {
  if (!/^[A-Za-z0-9+/]+=*$/.test(key))
    throw new VhdupError('not-authorised', 'AZURE_STORAGE_KEY is not a base64 account key');
  registerSecret(key);
  return new StorageSharedKeyCredential(account, key);
}

function belongsTo({ account, endpoint }: ConfiguredCredential, location: ContainerLocation): boolean {
  if (endpoint !== undefined && endpoint.toLowerCase() === location.endpoint.toLowerCase()) return true;
  const isKnownHost = isService(location.endpoint) || isLoopback(location.endpoint);
  return isKnownHost && (account === undefined || account === location.account);
}

/** Returns true if the endpoint is one of the service, over https. */
export function isService(endpoint: string): boolean {
  return /^https:\/\/[^/]+\.blob\.(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net|cloudapi\.de)|storage\.azure\.net)$/i.test(
    endpoint,
  );
}

/** Returns true for an endpoint on this machine. */
export function isLoopback(endpoint: string): boolean {
  return /^https?:\/\/(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(\/|$)/i.test(endpoint);
}
