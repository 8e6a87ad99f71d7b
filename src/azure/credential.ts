import {
  AnonymousCredential,
  BlobServiceClient,
  StorageSharedKeyCredential,
  newPipeline,
  type Pipeline,
} from '@azure/storage-blob';
import { VhdupError } from '../errors.js';
import { DEADLINE_MS, httpClient, type Patience } from './http-client.js';
import type { BlobLocation } from './location.js';
import { ThroughputFloor } from './throughput-floor.js';
import { rememberEnvironment, rememberSas, rememberSecret } from '../redact/redact.js';

/** The environment variables that carry credentials. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How to speak for a user to one account: a request pipeline, and what has to stand in the URL. */
export interface Access {
  readonly pipeline: Pipeline;
  /** Shared access signature for the query of every URL, without the question mark. */
  readonly sas: string | undefined;
  /** What kind it is, for messages. */
  readonly kind: 'sas' | 'account-key' | 'token';
  /** For an account's key: the value of Authorization, from all that is signed before the resource, and the path of the URL. */
  readonly sign?: (text: string, path: string) => string;
  /** How long requests may take. */
  readonly patience: Patience;
}

/** How requests may travel. */
export interface AccessOptions {
  /** Sends a credential over plain http also to other hosts than this machine. Default false. */
  readonly allowHttp?: boolean | undefined;
  /** How long a request may stand still. Default 30 s. */
  readonly deadlineMs?: number | undefined;
  /** The least throughput of all requests together. Default: a floor of its own for this blob. */
  readonly floor?: ThroughputFloor | undefined;
}

/**
 * Chooses the credential for a blob: the SAS in its URI; else what the environment has for its account
 * (`AZURE_STORAGE_CONNECTION_STRING`, `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`);
 * else the Azure identity chain. Secrets go to the account that they belong to, tokens only over https to the service;
 * a SAS or a key goes over plain http only to loopback, unless `allowHttp` says that the network is trusted.
 */
export async function accessTo(
  location: BlobLocation,
  environment: Environment = process.env,
  { allowHttp = false, deadlineMs = DEADLINE_MS, floor = new ThroughputFloor() }: AccessOptions = {},
): Promise<Access> {
  const patience = { deadlineMs, floor };
  // The SDK reads proxies from the environment of the process, even if another one is passed here.
  for (const each of [process.env, environment]) rememberEnvironment(each);
  if (location.sas !== undefined) {
    refuseHttp(location, allowHttp);
    return bySas(location.sas, patience);
  }
  const configured = fromEnvironment(environment);
  if (configured && belongsTo(configured, location)) {
    refuseHttp(location, allowHttp);
    if (configured.sas !== undefined) return bySas(configured.sas, patience);
    if (configured.credential) return byKey(configured.credential, patience);
  }
  if (!isService(location.endpoint)) {
    throw new VhdupError('not-authorised', `no credential for ${location.endpoint}`, {
      hint: configured
        ? `the environment has one for ${configured.account ?? 'another account'} only; add a SAS to the URI`
        : CREDENTIALS,
    });
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return {
    pipeline: pipelineFor(inTime(new DefaultAzureCredential(), deadlineMs), patience),
    sas: undefined,
    kind: 'token',
    patience,
  };
}

export const CREDENTIALS =
  'set AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, or add a SAS to the URI, or sign in with "az login"';

type Credential = Parameters<typeof newPipeline>[0];
type TokenCredential = Extract<Credential, { getToken: unknown }>;

interface Configured {
  readonly account: string | undefined;
  readonly endpoint: string | undefined;
  readonly credential: StorageSharedKeyCredential | undefined;
  readonly sas: string | undefined;
}

function fromEnvironment(environment: Environment): Configured | undefined {
  const text = environment['AZURE_STORAGE_CONNECTION_STRING'];
  if (text) return parseConnectionString(text);
  const account = environment['AZURE_STORAGE_ACCOUNT'] || undefined;
  const key = environment['AZURE_STORAGE_KEY'] || undefined;
  const sas = environment['AZURE_STORAGE_SAS_TOKEN']?.replace(/^\?/, '') || undefined;
  if (key !== undefined && account !== undefined)
    return { account, credential: sharedKey(account, key), endpoint: undefined, sas: undefined };
  if (sas !== undefined) return { account, sas, endpoint: undefined, credential: undefined };
  return undefined;
}

function parseConnectionString(text: string): Configured {
  let service: BlobServiceClient;
  try {
    // The SDK insists on a protocol beside an account's key, also where an endpoint is named; others take https.
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
  const { credential } = service;
  const key = /(?:^|;)\s*AccountKey=([^;]+)/i.exec(text)?.[1];
  if (key !== undefined) rememberSecret(key);
  if (credential instanceof StorageSharedKeyCredential)
    return { account: service.accountName, endpoint, credential, sas: undefined };
  return { account: service.accountName, endpoint, credential: undefined, sas };
}

function belongsTo({ account, endpoint }: Configured, location: BlobLocation): boolean {
  if (endpoint !== undefined && endpoint.toLowerCase() === location.endpoint.toLowerCase()) return true;
  const isTrusted = isService(location.endpoint) || isLoopback(location.endpoint);
  return isTrusted && (account === undefined || account === location.account);
}

/** True for the service itself, over https. */
function isService(endpoint: string): boolean {
  return /^https:\/\/[^/]+\.blob\.(core\.(windows\.net|chinacloudapi\.cn|usgovcloudapi\.net|cloudapi\.de)|storage\.azure\.net)$/i.test(
    endpoint,
  );
}

/** A SAS travels in the clear over http, and so does all that a key signs. */
function refuseHttp({ endpoint }: BlobLocation, allowHttp: boolean): void {
  if (allowHttp || !/^http:/i.test(endpoint) || isLoopback(endpoint)) return;
  throw new VhdupError('not-authorised', `${endpoint}: plain http would show credential and disk to the network`, {
    hint: 'use https, or --allow-http where you trust every hop, such as to an emulator in a container',
  });
}

function isLoopback(endpoint: string): boolean {
  return /^https?:\/\/(127(\.\d+){3}|localhost|\[::1\])(:\d+)?(\/|$)/i.test(endpoint);
}

function bySas(sas: string, patience: Patience): Access {
  rememberSas(sas);
  return { pipeline: pipelineFor(new AnonymousCredential(), patience), sas, kind: 'sas', patience };
}

function byKey(credential: StorageSharedKeyCredential, patience: Patience): Access {
  const { accountName } = credential;
  return {
    pipeline: pipelineFor(credential, patience),
    sas: undefined,
    kind: 'account-key',
    sign: (text, path) =>
      `SharedKey ${accountName}:${credential.computeHMACSHA256(`${text}/${accountName}${path}\ncomp:page`)}`,
    patience,
  };
}

function sharedKey(account: string, key: string): StorageSharedKeyCredential {
  if (!/^[A-Za-z0-9+/]+=*$/.test(key))
    throw new VhdupError('not-authorised', 'AZURE_STORAGE_KEY is not a base64 account key');
  rememberSecret(key);
  return new StorageSharedKeyCredential(account, key);
}

/** Sign-ins have a client of their own, which knows no deadline. */
function inTime(credential: TokenCredential, deadlineMs: number): TokenCredential {
  return {
    getToken: (scopes, options) => {
      const signals = [
        AbortSignal.timeout(deadlineMs),
        ...(options?.abortSignal instanceof AbortSignal ? [options.abortSignal] : []),
      ];
      return credential.getToken(scopes, { ...options, abortSignal: AbortSignal.any(signals) });
    },
  };
}

/** Retries are ours (retry.ts): the SDK's know neither all transient answers nor Retry-After. */
function pipelineFor(credential: Credential, { deadlineMs, floor }: Patience): Pipeline {
  return newPipeline(credential, {
    httpClient: httpClient(deadlineMs, floor),
    retryOptions: { maxTries: 1 },
    userAgentOptions: { userAgentPrefix: 'vhdup' },
  });
}
