import { randomUUID } from 'node:crypto';
import { VhdupError } from '../../errors.js';
import { pageBitsOfDisk, pageBitsOfIncremental, pageBitsOfStream } from '../../cut/page-cut.js';
import type { TocEntry } from '../../toc/entry.js';
import type { RecordedDisk, VersionRecord, VersionStats } from '../../toc/record.js';
import type { Cutting, Root } from '../../toc/root.js';
import { Toc } from '../read/toc.js';
import type { Vault } from '../vault.js';
import { ChunkWriter } from './chunk-writer.js';
import { commit } from './commit.js';
import { Comparison, type Compared } from './compare.js';
import { pageBuilder } from './page-builder.js';
import { ParentIndex } from './parent-index.js';
import { pinParent } from './pin-parent.js';
import type { VersionSource } from './source.js';
import { TocWriter } from './toc-writer.js';
import { StreamTree } from './tree-of-stream.js';

/** What a new version is called, and what it is compared with. */
export interface NewVersion {
  /** A name that `datasetName` returns. */
  readonly dataset: string;
  /** The version that it is compared with; without one it is a baseline. */
  readonly parent?: VersionRecord | undefined;
  readonly disk?: RecordedDisk | undefined;
  readonly tags?: readonly string[];
  readonly comment?: string;
  /** The program, for the record. */
  readonly by: string;
}

/**
 * Stores all of a source as a new version. Returns its record. Nothing is visible before that is there; what a crash leaves is used by
 * nothing. Throws `usage` for a parent of another kind, and what the source and the store throw; see also `commit`.
 */
export async function pushVersion(vault: Vault, source: VersionSource, options: NewVersion): Promise<VersionRecord> {
  const { parent, by } = options;
  const unpin = parent && (await pinParent(vault, parent, by));
  try {
    return await storeVersion(vault, source, options);
  } finally {
    await unpin?.();
  }
}

async function storeVersion(vault: Vault, source: VersionSource, options: NewVersion): Promise<VersionRecord> {
  const { parent } = options;
  const uuid = randomUUID();
  const version = uuid.replaceAll('-', '');
  const isDisk = source.type === 'disk';
  if (parent && (parent.facts.type === 'disk') !== isDisk)
    throw new VhdupError(
      'usage',
      `${parent.dataset}@${parent.seq} is a ${parent.facts.type}, and this is a ${source.type}`,
    );
  const index = parent && (await ParentIndex.load(await Toc.open(vault, parent)));
  const cutting = index && !isDisk ? nextCutting(index.toc.root) : cuttingOf(source);
  const chunks = new ChunkWriter(vault, { version, parent: parent?.version.replaceAll('-', '') });
  const toc = new TocWriter(vault, version, index);
  const pages = pageBuilder(cutting);
  const comparison = new Comparison(index, isDisk);
  await using tree = new StreamTree();
  const stats = { changed: 0, moved: 0, recipes: 0, new: 0 };
  let bytes = 0;
  for await (const block of source.blocks()) {
    const compared = await comparison.compare(block);
    count(stats, compared);
    if (parent || compared.change !== 'zero' || !isDisk) await addToChunk(chunks, compared, isDisk);
    for (const page of pages.add(compared.entry)) toc.add(page);
    await toc.encodeReady();
    await (block.bytes ? tree.add(block.bytes) : tree.addZeros(block.length));
    bytes = block.start + block.length;
  }
  for (const page of pages.finish()) toc.add(page);
  await chunks.finish();
  const known = new Map([
    ...(index?.toc.head.closure ?? []).map(({ chunk, size }) => [chunk, size] as const),
    ...chunks.created,
  ]);
  const { content, stored, needed, ...place } = await toc.finish(bytes, cutting, known);
  const facts = {
    by: options.by,
    type: source.type,
    bytes,
    parent: parent && { seq: parent.seq, version: parent.version },
    cut: cutting,
    content,
    tree: (await tree.digest()).toString('hex'),
    disk: options.disk,
    stats: { ...stats, stored: chunks.bytes + stored },
    tags: options.tags ?? [],
    comment: options.comment ?? '',
  };
  return await commit(vault, { dataset: options.dataset, uuid, toc: place, facts }, needed);
}

function cuttingOf({ type, bytes }: VersionSource): Cutting {
  return type === 'disk'
    ? { by: 'fixed', pageBits: pageBitsOfDisk(bytes ?? 0) }
    : { by: 'fastcdc-1', pageBits: pageBitsOfStream(bytes) };
}

function nextCutting({ cutting: { by, pageBits }, pages }: Root): Cutting {
  return { by, pageBits: pageBitsOfIncremental(pageBits, pages.length) };
}

/** The tables of a disk's chunks have what changed; those of a stream cover all of it, because after an insertion all starts differ. */
async function addToChunk(chunks: ChunkWriter, { entry, change, unit }: Compared, isDisk: boolean): Promise<void> {
  if (unit) await chunks.addWithUnit(entry, unit.bytes, unit.place);
  else if (isDisk) {
    if (change !== 'same') await chunks.add(entry);
  } else await chunks.add(runOfParent(entry) ?? entry);
}

function runOfParent(entry: TocEntry): TocEntry | undefined {
  if (entry.kind !== 'reference' || entry.origin !== 'parent') return undefined;
  const { start, length, shift } = entry;
  return { kind: 'parent', start, length, shift };
}

function count(stats: { -readonly [Key in keyof Omit<VersionStats, 'stored'>]: number }, { change }: Compared): void {
  if (change === 'moved' || change === 'new') {
    stats.changed++;
    stats[change]++;
  }
}
