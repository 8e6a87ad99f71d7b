import { containerUri, parseContainerUri } from '../../azure/location.js';
import type { Command } from '../command.js';
import { IMAGES } from '../definition/manage.js';
import { printResult } from '../output.js';
import { imagesJson, imagesLines } from '../reports/images.js';
import { runOnBlob } from '../run-on-blob.js';

/** `vhdup images`: lists the images in a container, and their versions. */
export const imagesCommand: Command<typeof IMAGES> = {
  definition: IMAGES,
  handler: async (flags) => {
    const { container, image } = flags;
    const { listImages } = await import('../../manage/list-images.js');
    const anyBlob = `${containerUri(parseContainerUri(container))}/`;
    const listing = await runOnBlob(flags, anyBlob, (options) => listImages(container, { ...options, image }));
    printResult(flags.json, imagesJson(listing), () => imagesLines(listing, image));
  },
};
