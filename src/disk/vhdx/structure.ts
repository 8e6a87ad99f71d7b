import { createHash } from 'node:crypto';
import { displayName } from '../display-name.js';
import type { SourceHandle } from '../file.js';
import type { Findings } from '../findings.js';
import { foreignFormat } from '../foreign-format.js';
import { readEnds } from '../file-ends.js';
import type { ImageOptions, ImageSummary, OpenContext } from '../image.js';
import { UsedUnits } from '../used-units.js';
import { Bat, digestBat } from './bat.js';
import { batLayout } from './bat-layout.js';
import type { TablePlace } from './bat-pages.js';
import { readHeader, type Header } from './header.js';
import { BAT_ENTRY_LENGTH, IDENTIFIER, IDENTIFIER_LENGTH, MIB, SECTION, SIGNATURE, bytesOf, text } from './layout.js';
import { MAX_FILE_BYTES, replayLog, type ReplayedLog } from './log.js';
import { readMetadata, type Metadata } from './metadata.js';
import { VhdxParent } from './parent.js';
import { readRegions } from './region-table.js';

/** The structures of a file without errors. */
export interface Structure {
  readonly creator: string;
  readonly header: Header;
  readonly log: ReplayedLog;
  readonly metadata: Metadata;
  readonly bat: Bat;
  readonly table: TablePlace;
  /** SHA-256 (hex) of headers, log, region tables, metadata and BAT. */
  readonly digest: string;
}

/** The result of reading the structures of a file. */
export interface FoundStructure {
  /** Present if header, log and metadata are valid. */
  readonly summary?: ImageSummary;
  /** Present if no error was found. */
  readonly structure?: Structure;
}

/** What is read with the structures. */
interface StructureContext {
  readonly findings: Findings;
  readonly options: ImageOptions;
}

/** Everything except the BAT. */
interface Basics {
  readonly creator: string;
  readonly header: Header;
  readonly log: ReplayedLog;
  readonly metadata: Metadata;
  readonly table: TablePlace;
  /** True if the BAT region has all entries. */
  readonly hasTable: boolean;
  readonly used: UsedUnits;
}

/**
 * Reads all structures of a file and reports everything that is wrong with them: all rules of the format are checked here and in what
 * this calls. Throws `disk-unreadable`.
 */
export async function readStructure(file: SourceHandle, context: OpenContext): Promise<FoundStructure> {
  const { findings, memory } = context;
  const digest = createHash('sha256');
  const basics = await readBasics(file, context, digest);
  if (!basics) return {};
  const { metadata, header, table } = basics;
  const summary: ImageSummary = {
    path: file.path,
    type: metadata.type,
    id: header.dataWriteGuid,
    size: metadata.size,
    stamp: undefined,
    sectorSize: metadata.logicalSectorSize,
    parent: metadata.parent && new VhdxParent(metadata.parent, metadata),
  };
  if (!basics.hasTable) return { summary };
  const bat = await Bat.read(table, { findings, digest, budget: memory, used: basics.used });
  if (!findings.firstError) return { summary, structure: { ...basics, bat, digest: digest.digest('hex') } };
  bat.release();
  return { summary };
}

/**
 * Returns the digest of the structures that are in the file now: the same as that of a structure as long as nothing has changed. Throws
 * the first error if they cannot be read any more.
 */
export async function digestNow(file: SourceHandle, { options, findings }: StructureContext): Promise<string> {
  const digest = createHash('sha256');
  const basics = await readBasics(file, { options, findings }, digest);
  findings.refuse();
  if (basics) await digestBat(basics.table, digest);
  return digest.digest('hex');
}

async function readBasics(
  file: SourceHandle,
  { findings, options }: StructureContext,
  digest: ReturnType<typeof createHash>,
): Promise<Basics | undefined> {
  const creator = await readCreator(file, findings);
  if (creator === undefined) return undefined;
  const found = await readHeader(file, options, findings);
  for (const bytes of found.bytes) digest.update(bytes);
  const header = found.current;
  if (!header) return undefined;
  const log = await replayLog(file, header, { findings, digest });
  if (!log) return undefined;
  const used = unitsOf(log.file, header, findings);
  if (!used) return undefined;
  const regions = await readRegions(log.file, { findings, options, digest, used });
  if (!regions) return undefined;
  const metadata = await readMetadata(log.file, regions.metadata, { findings, digest });
  if (!metadata) return undefined;
  const layout = batLayout(metadata);
  const needed = layout.entries * BAT_ENTRY_LENGTH;
  const hasTable = regions.bat.length >= needed;
  if (!hasTable)
    findings.error(
      regions.bat.offset,
      'BAT',
      `${layout.blocks} blocks of ${metadata.blockSize} bytes need a table of ${needed} bytes, the region has ${regions.bat.length}`,
    );
  const table = { file: log.file, tableOffset: regions.bat.offset, layout };
  return { creator, header, log, metadata, table, hasTable, used };
}

/** Reads the file type identifier ([MS-VHDX] 2.2.1). Returns `undefined`, and reports an error, if the file is not a VHDX. */
async function readCreator(file: SourceHandle, findings: Findings): Promise<string | undefined> {
  const ends = await readEnds(file);
  if (!isVhdx(ends.head)) {
    const foreign = foreignFormat(ends.head, ends.tail);
    if (foreign)
      findings.error(undefined, undefined, foreign.problem, { code: 'disk-unsupported', hint: foreign.hint });
    else findings.error(0, 'file type identifier', `not a VHDX: the file does not begin with "${SIGNATURE}"`);
    return undefined;
  }
  if (file.size < SECTION.length) {
    findings.error(
      undefined,
      undefined,
      `${file.size} bytes are too few for a VHDX: its header section alone has 1 MiB`,
    );
    return undefined;
  }
  const identifier = ends.head.subarray(SECTION.identifier, IDENTIFIER_LENGTH);
  const [creator = ''] = Buffer.from(bytesOf(identifier, IDENTIFIER.creator)).toString('utf16le').split('\0', 1);
  return displayName(creator, IDENTIFIER.creator[1]).trim();
}

/** Returns true if a file begins as a VHDX does. */
export function isVhdx(head: Uint8Array): boolean {
  return text(head, IDENTIFIER.signature) === SIGNATURE;
}

/** Returns the units of the file, with those of the header section and of the log in use. */
function unitsOf({ size }: SourceHandle, header: Header, findings: Findings): UsedUnits | undefined {
  const used = size > MAX_FILE_BYTES ? undefined : UsedUnits.of(size, MIB);
  if (used) {
    used.claim(0, SECTION.length / MIB);
    used.claim(header.logOffset / MIB, header.logLength / MIB);
  } else
    findings.error(undefined, undefined, `a file of ${size} bytes is above the limit, 512 TiB`, {
      code: 'disk-unsupported',
    });
  return used;
}
