import { join } from 'node:path';
import t from 'tap';
import { writeImage } from '../../fixtures/vhd.js';
import { pullScene } from '../support/pull-scene.js';

t.test(
  'a base that is none of a disk without parents: the message says that it is not a differencing disk',
  async (t) => {
    const { folder, scene, uri, pushed } = await pullScene(t);
    await pushed(scene.base, { to: uri('base') });
    const { path, id } = await writeImage({
      path: join(folder, 'alone.vhd'),
      type: 'dynamic',
      size: 1024 ** 2,
      writes: [],
    });
    await t.rejects(pushed(path, { base: uri('base'), to: uri('alone'), compare: 'layers' }), {
      code: 'base-mismatch',
      message: new RegExp(
        `is not that of the disk, ${id}; the disk has no parent.*alone\\.vhd is not a differencing disk`,
      ),
      hint: /push without `base` to send everything; or leave out `compare: 'layers'`: its leaves are compared then/,
    });
  },
);
