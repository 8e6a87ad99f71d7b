import { hostname } from 'node:os';

/** Who works on a blob, as its metadata has it: host name and process, no user. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
}

/** This process, as text for metadata: `web-7/1234`, ASCII only. */
export function thisHolder(): string {
  return `${plainHost()}/${process.pid}`;
}

/** Reads such a text; `undefined` for anything else, since metadata is somebody's text. */
export function parseHolder(text: string | undefined): Holder | undefined {
  const [, host, pid] = /^([A-Za-z0-9._-]{1,64})\/(\d{1,10})$/.exec(text ?? '') ?? [];
  return host === undefined ? undefined : { host, pid: Number(pid) };
}

/** `web-7, process 1234`, with the word that it is this machine; `undefined` where the text names nobody. */
export function holderInWords(text: string | undefined): string | undefined {
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
