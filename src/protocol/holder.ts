import { hostname } from 'node:os';

/** A process that works on a blob, as the blob's metadata names it: host name and process id, no user. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
}

/** Returns this process as text for metadata, in ASCII: `web-7/1234`. */
export function thisHolder(): string {
  return `${plainHost()}/${process.pid}`;
}

/** Parses such a text. Returns `undefined` for anything else: anyone may have written the metadata. */
export function parseHolder(text: string | undefined): Holder | undefined {
  const [, host, pid] = /^([A-Za-z0-9._-]{1,64})\/(\d{1,10})$/.exec(text ?? '') ?? [];
  return host === undefined ? undefined : { host, pid: Number(pid) };
}

/** Returns `web-7, process 1234`, and adds if that is this machine. Returns `undefined` if the text names no process. */
export function describeHolder(text: string | undefined): string | undefined {
  const holder = parseHolder(text);
  if (!holder) return undefined;
  return `${holder.host}, process ${holder.pid}${holder.host === plainHost() ? ' on this machine' : ''}`;
}

function plainHost(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '_')
      .slice(0, 64) || '_'
  );
}
