import { damagedHint } from '../damaged-hint.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import { foreignFormat, type ForeignFormat } from '../foreign-format.js';
import type { ImageOptions } from '../image.js';
import { COOKIE, fieldsOf, footerProblems, hasCookie, isFooter, parseFooter, type Footer } from './footer.js';
import { DISK_TYPE, FOOTER, FOOTER_LENGTH } from './layout.js';

/** A footer, and its place in the file. */
export interface FoundFooter {
  readonly footer: Footer;
  /** Its first byte in the file. */
  readonly at: number;
  /** First byte after the data: the start of the footer at the end, or the end of a file without one. */
  readonly dataEnd: number;
}

/** A place where a file may have its footer. */
interface Place {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly dataEnd: number;
  /** The warning for a file whose footer is here. */
  readonly warning: string | undefined;
}

/** The ends of a file, each of 512 bytes. */
interface Ends {
  readonly size: number;
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

/**
 * Finds the footer of a file: its last 512 bytes; else its last 511 (Virtual PC before 2004 wrote one byte less); else the copy
 * at the head of a sparse disk, with a warning. A copy with a right checksum is preferred to one without, also if checksums are
 * ignored. If none is right, reports the errors and returns a damaged one, so that other checks can go on.
 */
export async function findFooter(
  file: SourceHandle,
  options: ImageOptions,
  findings: Findings,
): Promise<FoundFooter | undefined> {
  if (file.size < FOOTER_LENGTH) {
    const all = new Uint8Array(file.size);
    await file.read(0, all);
    const foreign = foreignFormat(all, all);
    const problem = `${file.size} bytes are too few for a VHD: its footer alone has ${FOOTER_LENGTH}`;
    if (foreign) reportForeign(foreign, findings);
    else findings.error(undefined, undefined, problem);
    return undefined;
  }
  const tail = new Uint8Array(FOOTER_LENGTH);
  const head = new Uint8Array(FOOTER_LENGTH);
  await file.read(file.size - FOOTER_LENGTH, tail);
  await file.read(0, head);
  const ends = { size: file.size, head, tail };
  const places = placesOf(ends);
  for (const ignoreChecksum of options.ignoreChecksum ? [false, true] : [false]) {
    for (const { bytes, at, dataEnd, warning } of places) {
      const footer = parseFooter(bytes, { ignoreChecksum });
      if (!isFooter(footer) || (bytes === head && footer.diskType === DISK_TYPE.fixed)) continue;
      if (warning !== undefined)
        findings.warning(file.size - FOOTER_LENGTH, 'footer', warning, { code: 'footer-place' });
      if (ignoreChecksum)
        findings.warning(at + FOOTER.checksum[0], 'footer checksum', 'the footer checksum is wrong and was ignored', {
          code: 'checksum-ignored',
        });
      if (bytes !== head && footer.diskType !== DISK_TYPE.fixed) checkCopy(head, bytes, findings);
      return { footer, at, dataEnd };
    }
  }
  return damagedFooter(ends, places, findings);
}

function placesOf({ size, head, tail }: Ends): readonly Place[] {
  const tailAt = size - FOOTER_LENGTH;
  const short = new Uint8Array(FOOTER_LENGTH);
  short.set(tail.subarray(1));
  return [
    { bytes: tail, at: tailAt, dataEnd: tailAt, warning: undefined },
    {
      bytes: short,
      at: tailAt + 1,
      dataEnd: tailAt + 1,
      warning: 'the footer has 511 bytes, as old versions of Virtual PC wrote it',
    },
    {
      bytes: head,
      at: 0,
      dataEnd: size,
      warning: 'the footer at the end is missing or damaged: the copy at the start was used',
    },
  ];
}

/** Reports what is wrong with each footer that has a cookie, and returns the first of them. */
function damagedFooter(ends: Ends, places: readonly Place[], findings: Findings): FoundFooter | undefined {
  const damaged = places.filter(({ bytes }) => hasCookie(bytes) && footerProblems(bytes, {}).length > 0);
  for (const { bytes, at } of damaged) {
    for (const { field, at: within, problem } of footerProblems(bytes, {})) {
      findings.error(at + within, field, problem, field === 'footer checksum' ? { hint: damagedHint() } : {});
    }
  }
  const [best] = damaged;
  if (best) return { footer: fieldsOf(best.bytes), at: best.at, dataEnd: best.dataEnd };
  notVhd(ends, findings);
  return undefined;
}

/** Compares the copy that a sparse disk has at its start with the footer at its end; a difference is a warning. */
function checkCopy(head: Uint8Array, footer: Uint8Array, findings: Findings): void {
  if (Buffer.from(head).equals(footer)) return;
  const problems = footerProblems(head, {});
  for (const { field, at, problem } of problems)
    findings.warning(
      at,
      `${field} of the copy`,
      `the footer copy at the start is damaged (${field}: ${problem}): the footer at the end was used`,
      { code: 'footer-copy' },
    );
  if (problems.length > 0) return;
  const at = head.findIndex((byte, index) => byte !== footer[index]);
  findings.warning(
    at,
    'footer copy',
    'the footer copy at the start differs from the footer at the end: the one at the end was used',
    { code: 'footer-copy' },
  );
}

function notVhd({ size, head, tail }: Ends, findings: Findings): void {
  const foreign = foreignFormat(head, tail);
  if (foreign) {
    reportForeign(foreign, findings);
  } else {
    findings.error(
      size - FOOTER_LENGTH,
      'footer cookie',
      `not a VHD, neither the end nor the start of the file holds a footer ("${COOKIE}")`,
    );
  }
}

function reportForeign({ problem, hint }: ForeignFormat, findings: Findings): void {
  findings.error(undefined, undefined, problem, { code: 'disk-unsupported', hint });
}
