import { RestError } from '@azure/storage-blob';
import type { Credentials } from './credential.js';
import { parseSas } from './sas.js';

/** The letters of a SAS that requests of this tool need. */
type Letter = 'r' | 'w' | 'd' | 'l' | 'i';

/** How a request was authorized, and what it needed. Nothing of this is secret. */
export interface RequestAccess {
  readonly kind: Credentials['kind'] | undefined;
  readonly needs: Letter;
  /** Of a SAS. */
  readonly permissions?: string | undefined;
  readonly resource?: string | undefined;
  readonly ends?: Date | undefined;
}

/** A request of this tool, without the SDK. */
interface OwnRequest {
  readonly sas: string | undefined;
  readonly token?: Credentials['token'] | undefined;
  readonly method: string;
  /** The query of the URL. */
  readonly query?: string;
}

/** Returns how a request is authorized. */
export function accessBy({ sas, token, method, query = '' }: OwnRequest): RequestAccess {
  const needs = letterOf(method, query);
  if (sas === undefined) return { kind: token ? 'token' : 'account-key', needs };
  const { permissions, resource, ends } = parseSas(sas);
  return { kind: 'sas', needs, permissions, resource, ends };
}

/** Returns how the request of the SDK's error was authorized; `undefined` if the error does not say. */
export function accessOf(error: unknown): RequestAccess | undefined {
  if (!(error instanceof RestError) || typeof error.request?.url !== 'string') return undefined;
  const { url, method, headers } = error.request;
  const query = url.split('?', 2)[1] ?? '';
  const needs = letterOf(method, query);
  if (/(^|&)sig=/i.test(query)) return accessBy({ sas: query, method, query });
  const [scheme] = (headers.get('authorization') ?? '').split(' ', 1);
  return { kind: scheme === 'SharedKey' ? 'account-key' : scheme === 'Bearer' ? 'token' : undefined, needs };
}

function letterOf(method: string, query: string): Letter {
  const operation = new URLSearchParams(query).get('comp')?.toLowerCase();
  if (operation === 'list') return 'l';
  if (operation === 'immutabilitypolicies') return 'i';
  if (method === 'DELETE') return 'd';
  return method === 'GET' || method === 'HEAD' ? 'r' : 'w';
}

const WORDS: Readonly<Record<Letter, string>> = {
  r: 'reading',
  w: 'writing',
  d: 'deleting',
  l: 'listing the container',
  i: 'setting an immutability policy',
};

const ROLES: Readonly<Record<Letter, string>> = {
  r: 'Storage Blob Data Reader',
  l: 'Storage Blob Data Reader',
  w: 'Storage Blob Data Contributor',
  d: 'Storage Blob Data Contributor',
  i: 'Storage Blob Data Owner',
};

const CHECK = 'check that the credential is for this account, has not expired, and allows reading and writing blobs';

/** Hints for codes of the service that mean the same with any credential. */
const BY_CODE: Readonly<Record<string, string>> = {
  AccountIsDisabled: 'the storage account is disabled: enable it in the portal, or use another account',
  AuthorizationProtocolMismatch: 'the SAS allows https only (spr=https): use https, or make another SAS',
  AuthorizationSourceIPMismatch: 'the SAS does not allow the address of this machine (sip): make another SAS',
  AuthorizationServiceMismatch: 'the SAS of the account is not for blobs: make one with the service "blob" (ss=b)',
  AuthorizationResourceTypeMismatch:
    'the SAS of the account does not cover blobs: make one with the resource types container and object (srt=co)',
  KeyBasedAuthenticationNotPermitted:
    'the account allows no account keys, and no SAS made from one: sign in with "az login", or use a user delegation SAS',
  CannotVerifyCopySource: 'the service may not read the base: add a SAS that allows reading (r) to the URI of the base',
};

/** Returns what to do about a request that the service refuses with 401 or 403. `code`: the service's error code. */
export function refusalHint(code: string | undefined, access: RequestAccess | undefined, now = new Date()): string {
  const known = code === undefined ? undefined : BY_CODE[code];
  if (known !== undefined) return known;
  if (!access?.kind) return CHECK;
  const { kind, needs, permissions, ends } = access;
  if (kind === 'sas' && ends && ends <= now) return `the SAS expired at ${ends.toISOString()}: make a new one`;
  if (permissions !== undefined && !permissions.includes(needs))
    return `the SAS does not allow ${WORDS[needs]}: it has sp=${/^[a-z]*$/i.test(permissions) ? permissions : '?'}, and needs "${needs}" too`;
  if (code === 'AuthorizationPermissionMismatch') return permissionHint(access);
  if (code === 'AuthorizationFailure')
    return kind === 'token' || kind === 'account-key'
      ? 'the network rules of the storage account may not allow this network: add it there, or run from a network that is allowed'
      : `the SAS may not allow ${WORDS[needs]} ("${needs}"), or the network rules of the storage account may not allow this network`;
  if (code === 'AuthenticationFailed' || code === 'InvalidAuthenticationInfo') return AUTHENTICATION[kind];
  return CHECK;
}

function permissionHint({ kind, needs, resource }: RequestAccess): string {
  if (kind !== 'sas')
    return `the role ${ROLES[needs]} on the container is needed for ${WORDS[needs]}; a new role takes some minutes to work`;
  if (needs === 'l' && resource === 'b')
    return 'the SAS is for one blob (sr=b): listing needs one for the container, with "l"';
  return `the SAS, its stored access policy, or the user who made it does not allow ${WORDS[needs]} ("${needs}")`;
}

const AUTHENTICATION: Readonly<Record<Credentials['kind'], string>> = {
  sas: 'the signature of the SAS is not accepted: it was cut or changed, is for another blob or account, or the key that made it was renewed; a wrong clock where it was made has the same effect',
  'account-key':
    'the account key is wrong or was renewed, or the clock of this machine differs by more than 15 minutes',
  token: 'the token is not accepted: sign in again with "az login", in the tenant of the storage account',
};
