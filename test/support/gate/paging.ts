import type { Answer } from './answer.js';
import { queryOf, type GateRecord } from './record.js';

/** Cuts a listing into pages, as the service does and Azurite does not; nothing is merged. */
export function pageOf({ kind, url }: GateRecord, answer: Answer, pageSize: number): void {
  if (answer.status !== 200 || (kind !== 'page-ranges' && kind !== 'list')) return;
  const query = queryOf(url);
  const size = Math.min(pageSize, Number(query.get('maxresults') ?? Infinity));
  const text = answer.body.toString();
  const page = kind === 'list' ? blobsOf(text, size) : rangesOf(text, size, Number(query.get('marker') ?? '0'));
  if (page === text) return;
  answer.body = Buffer.from(page);
  if (answer.headers['content-length'] !== undefined)
    answer.headers = { ...answer.headers, 'content-length': answer.body.length };
}

/** Azurite sends all ranges whatever the marker; the marker is where the next page begins. */
function rangesOf(text: string, size: number, from: number): string {
  const all = [...text.matchAll(/<(PageRange|ClearRange)>.*?<Start>(\d+)<\/Start>.*?<\/\1>/gs)];
  const ahead = all.filter(([, , start]) => Number(start) >= from);
  if (ahead.length === all.length && all.length <= size) return text;
  const next = ahead[size]?.[2];
  const head = text.slice(0, all[0]?.index ?? 0);
  return `${head}${ahead
    .slice(0, size)
    .map(([range]) => range)
    .join('')}${next === undefined ? '<NextMarker/>' : `<NextMarker>${next}</NextMarker>`}</PageList>`;
}

/** Azurite goes on after the marker by itself; it takes the name of the last blob for one, so snapshots of a name stay together. */
function blobsOf(text: string, size: number): string {
  const all = [...text.matchAll(/<Blob>.*?<Name>(.*?)<\/Name>.*?<\/Blob>/gs)];
  let cut = size;
  while (cut < all.length && all[cut]?.[1] === all[cut - 1]?.[1]) cut++;
  const first = all[0];
  const last = all[cut - 1];
  if (cut >= all.length || !first || !last) return text;
  const tail = text
    .slice(text.indexOf('</Blobs>'))
    .replace(/<NextMarker\s*\/>|<NextMarker>.*?<\/NextMarker>/s, `<NextMarker>${last[1]}</NextMarker>`);
  return `${text.slice(0, first.index)}${all
    .slice(0, cut)
    .map(([blob]) => blob)
    .join('')}${tail}`;
}
