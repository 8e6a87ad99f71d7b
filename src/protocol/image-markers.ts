import { decodeUriText } from '../azure/location.js';
import type { PageBlob } from '../azure/page-blob.js';
import type { BlockBlob } from '../azure/block-blob.js';
import type { Metadata } from '../azure/blob-properties.js';
import type { Session } from '../session/session.js';

/** The push that has claimed a version: its fingerprint, and the name of its destination. */
export interface MarkerOwner {
  readonly fingerprint: string;
  readonly destination: string;
}

/** A claimed version of an image series. */
export interface ImageMarker {
  readonly version: string;
  /** `undefined` if the blob says nothing of it. */
  readonly owner: MarkerOwner | undefined;
}

const FINGERPRINT = 'vhdup_fingerprint';
const DESTINATION = 'vhdup_destination';

/**
 * The markers of one image series: empty blobs beside the versions, one for each number or tag that was ever claimed. A marker is
 * only ever created, and never replaced, so of two pushes one gets the version.
 */
export class ImageMarkers {
  readonly #session: Session;
  readonly #destination: PageBlob;
  readonly #folder: string;

  /** `destination`: a blob of the container, with the credentials for the markers. */
  constructor(session: Session, destination: PageBlob, image: string) {
    this.#session = session;
    this.#destination = destination;
    this.#folder = `vhdup-images/${segmentOf(image)}/`;
  }

  /** Claims a version. Returns false if it was claimed before, by any push. */
  claim(version: string, { fingerprint, destination }: MarkerOwner): Promise<boolean> {
    return this.#blob(version).claim({ [FINGERPRINT]: fingerprint, [DESTINATION]: encodeName(destination) });
  }

  /** Returns the push that has claimed a version; `undefined` if none has, or the blob says nothing of it. */
  async ownerOf(version: string): Promise<MarkerOwner | undefined> {
    const properties = await this.#blob(version).properties();
    return properties && ownerIn(properties.metadata);
  }

  /** Returns all markers of the series, in no order. */
  async list(): Promise<readonly ImageMarker[]> {
    const blobs = await this.#session.containerOf(this.#destination).blobsWithPrefix(this.#folder);
    return blobs.map(({ name, metadata }) => ({
      version: decodeUriText(name.slice(this.#folder.length)),
      owner: ownerIn(metadata),
    }));
  }

  #blob(version: string): BlockBlob {
    return this.#session.blockBlob(this.#destination, this.#folder + segmentOf(version));
  }
}

/**
 * Returns a text as one segment of a blob's name. A segment that ends with a dot is encoded too: `..` would lead out of the folder,
 * and the service advises against the others.
 */
function segmentOf(text: string): string {
  return encodeURIComponent(text).replace(/\.+$/, (dots) => '%2E'.repeat(dots.length));
}

/** Metadata is ASCII, so the name is encoded as in a URI. */
function encodeName(name: string): string {
  return name.split('/').map(encodeURIComponent).join('/');
}

function ownerIn(metadata: Metadata): MarkerOwner | undefined {
  const values = new Map(Object.entries(metadata).map(([key, value]) => [key.toLowerCase(), value]));
  const fingerprint = values.get(FINGERPRINT);
  const destination = values.get(DESTINATION);
  return fingerprint === undefined || destination === undefined
    ? undefined
    : { fingerprint, destination: decodeUriText(destination) };
}
