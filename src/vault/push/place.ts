import type { UnitPlace } from '../../toc/entry.js';

/** Where a unit of this version will be. Known when its chunk is complete; entries that share the unit share this object. */
export class NewPlace implements UnitPlace {
  chunk = '';
  at = 0;
  size = 0;
  isKnown = false;
}
