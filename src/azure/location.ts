import { VhdupError } from '../errors.js';
import { requireValidNames } from './names.js';

/** The location of a container. Only `sas` is secret. No URI or message of this module contains it. */
export interface ContainerLocation {
  /** `https://account.blob.core.windows.net`, or `http://127.0.0.1:10000/account` for an emulator. */
  readonly endpoint: string;
  /** The account that the endpoint names; `undefined` for a custom domain. */
  readonly account: string | undefined;
  readonly container: string;
  /** The shared access signature of the URI, without the question mark. */
  readonly sas: string | undefined;
}

/** The location of a blob. */
export interface BlobLocation extends ContainerLocation {
  /** The blob's name, decoded. */
  readonly name: string;
  readonly snapshot: string | undefined;
  readonly versionId: string | undefined;
}

/** Returns true if the text is a URI rather than the path of a file. */
export function isBlobUri(text: string): boolean {
  return /^\s*https?:\/\//i.test(text);
}

/** Parses the URI of a blob, with or without a SAS. Throws `usage` if it is not one, or the service allows no such name. */
export function parseBlobUri(uri: string): BlobLocation {
  const { container, name, snapshot, versionId, ...rest } = parseUri(uri, 'blob');
  if (container === '' || name === '')
    throw new VhdupError('usage', `"${withoutQuery(uri)}" does not name a blob`, { hint: BLOB_EXAMPLE });
  requireValidNames(container, name);
  return { ...rest, container, name, snapshot, versionId };
}

/**
 * Parses the URI of a container, with or without a slash at its end and a SAS. Throws `usage` if it is not one, or the service
 * allows no such name.
 */
export function parseContainerUri(uri: string): ContainerLocation {
  const { endpoint, account, container, name, sas } = parseUri(uri, 'container');
  const problem =
    container === '' ? 'does not name a container' : /[^/]/.test(name) ? 'names a blob, not a container' : undefined;
  if (problem !== undefined)
    throw new VhdupError('usage', `"${withoutQuery(uri)}" ${problem}`, { hint: CONTAINER_EXAMPLE });
  requireValidNames(container, '');
  return { endpoint, account, container, sas };
}

/** Splits the URI of a blob or a container. Container and name may be empty. Throws `usage` if it is not a URI. */
function parseUri(uri: string, kind: 'blob' | 'container'): BlobLocation {
  const hint = kind === 'blob' ? BLOB_EXAMPLE : CONTAINER_EXAMPLE;
  const shown = withoutQuery(uri);
  let url: URL;
  try {
    url = new URL(uri.trim());
  } catch {
    throw new VhdupError('usage', `"${shown}" is not a URI`, { hint });
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new VhdupError('usage', `"${shown}" is not a ${kind} URI: it has to begin with https://`, { hint });
  if (url.username !== '' || url.password !== '')
    throw new VhdupError('usage', `a ${kind} URI carries no user name or password`, { hint });
  const parts = url.pathname.split('/').slice(1);
  const account = accountOfHost(url.hostname);
  const pathStyle = account === undefined && isAddress(url.hostname);
  const prefix = pathStyle ? parts.shift() : undefined;
  const [container = '', ...rest] = parts.map(decodeUriText);
  const query = url.searchParams;
  const sas = url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !/^(snapshot|versionid)=/i.test(pair))
    .join('&');
  return {
    endpoint: prefix === undefined ? url.origin : `${url.origin}/${prefix}`,
    account: account ?? prefix,
    container,
    name: rest.join('/'),
    snapshot: query.get('snapshot') ?? undefined,
    versionId: query.get('versionid') ?? query.get('versionId') ?? undefined,
    sas: sas === '' ? undefined : sas,
  };
}

function withoutQuery(uri: string): string {
  return uri.replace(/\?.*$/s, '');
}

/** Returns the URI of a blob without its SAS. */
export function uriOf({ endpoint, container, name, snapshot, versionId }: BlobLocation): string {
  const query =
    snapshot !== undefined
      ? `?snapshot=${encodeURIComponent(snapshot)}`
      : versionId !== undefined
        ? `?versionid=${encodeURIComponent(versionId)}`
        : '';
  return `${containerUri({ endpoint, container })}/${name.split('/').map(encodeURIComponent).join('/')}${query}`;
}

/** Returns the URL of a blob with a SAS, for requests. A secret. */
export function urlWithSas(location: BlobLocation, sas: string): string {
  const uri = uriOf(location);
  return `${uri}${uri.includes('?') ? '&' : '?'}${sas}`;
}

/** Returns the URI of a container without a SAS. */
export function containerUri({ endpoint, container }: Pick<ContainerLocation, 'endpoint' | 'container'>): string {
  return `${endpoint}/${encodeURIComponent(container)}`;
}

/** Returns true if both are the same blob, or the same snapshot or version of it. */
export function isSameBlob(a: BlobLocation, b: BlobLocation): boolean {
  return uriOf(a) === uriOf(b);
}

/** Parses the URI of a base. The base gets the destination's SAS if it has none of its own and is in the same container. */
export function baseLocationOf(base: string, destination: BlobLocation): BlobLocation {
  return withSasOf(parseBlobUri(base), destination);
}

/**
 * Returns `location` with the SAS of `other`, if it has none of its own and both are in one container. A SAS for a container or an
 * account serves both blobs; one for a single blob (`sr=b` and the like) does not.
 */
export function withSasOf(location: BlobLocation, other: BlobLocation | undefined): BlobLocation {
  if (location.sas !== undefined || other?.sas === undefined || !sharesContainer(location, other)) return location;
  return /(^|&)sr=(?!c\b)/i.test(other.sas) ? location : { ...location, sas: other.sas };
}

function sharesContainer(a: BlobLocation, b: BlobLocation): boolean {
  return isSameBlob(
    { ...a, name: '', snapshot: undefined, versionId: undefined },
    { ...b, name: '', snapshot: undefined, versionId: undefined },
  );
}

const BLOB_EXAMPLE = 'a blob URI looks like https://ACCOUNT.blob.core.windows.net/CONTAINER/disk.vhd';
const CONTAINER_EXAMPLE = 'a container URI looks like https://ACCOUNT.blob.core.windows.net/CONTAINER';

function accountOfHost(host: string): string | undefined {
  return /^([a-z0-9]{3,24})(?:-secondary)?\.(?:z\d+\.)?blob\.(?:core\.|storage\.)/i.exec(host)?.[1];
}

/** Returns true for an IP address or a bare name: emulators have these, and the account in the path. */
function isAddress(host: string): boolean {
  return (
    host.startsWith('[') ||
    /^\d+(\.\d+){3}$/.test(host) ||
    !host.includes('.') ||
    host.endsWith('.localhost') ||
    host === 'host.docker.internal'
  );
}

/** Decodes a part of a URI. Returns it as it is if it has an escape that is none. */
export function decodeUriText(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
