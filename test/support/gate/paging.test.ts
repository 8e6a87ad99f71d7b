import t from 'tap';
import { gateScene } from './scene.js';

t.test('page ranges are listed in pages of the size that was told, or asked for; neighbours stay apart', async (t) => {
  const { gate, blob } = await gateScene(t);
  for (const offset of [0, 512, 2048, 4096, 6144]) await blob.uploadPages(Buffer.alloc(512, 1), offset, 512);
  const starts = async (maxPageSize?: number) => {
    const pages: number[][] = [];
    for await (const { pageRange = [] } of blob
      .listPageRanges()
      .byPage(maxPageSize === undefined ? {} : { maxPageSize }))
      pages.push(pageRange.map(({ start }) => start));
    return pages;
  };
  t.strictSame(await starts(), [[0, 512, 2048, 4096, 6144]]);
  gate.pageSize = 2;
  t.strictSame(await starts(), [[0, 512], [2048, 4096], [6144]]);
  gate.pageSize = 4;
  t.strictSame(await starts(3), [
    [0, 512, 2048],
    [4096, 6144],
  ]);
});

t.test('a container is listed in pages too; the snapshots of a blob stay together', async (t) => {
  const { gate, through, blob } = await gateScene(t);
  for (const name of ['a', 'b', 'c', 'z']) await through.getPageBlobClient(name).create(512);
  await blob.createSnapshot();
  gate.pageSize = 2;
  const pages: string[][] = [];
  for await (const { segment } of through.listBlobsFlat({ includeSnapshots: true }).byPage())
    pages.push(segment.blobItems.map(({ name }) => name));
  t.strictSame(pages, [['a', 'b'], ['c', 'disk', 'disk'], ['z']]);
});
