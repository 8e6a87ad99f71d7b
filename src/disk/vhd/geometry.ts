import type { Footer } from './footer.js';
import { SECTOR } from './layout.js';

const MAX_CYLINDERS = 65535;

/** Returns the CHS geometry of a disk of this many bytes ("Appendix: CHS Calculation"). It may give less than the disk has. */
export function geometryOf(size: number): Footer['geometry'] {
  const sectors = Math.min(Math.floor(size / SECTOR), MAX_CYLINDERS * 16 * 255);
  if (sectors >= MAX_CYLINDERS * 16 * 63) return geometry(Math.floor(sectors / 255), 16, 255);
  let tracks = Math.floor(sectors / 17);
  const heads = Math.max(4, Math.ceil(tracks / 1024));
  if (tracks < heads * 1024 && heads <= 16) return geometry(tracks, heads, 17);
  tracks = Math.floor(sectors / 31);
  if (tracks < 16 * 1024) return geometry(tracks, 16, 31);
  return geometry(Math.floor(sectors / 63), 16, 63);
}

function geometry(tracks: number, heads: number, sectorsPerTrack: number): Footer['geometry'] {
  return { cylinders: Math.floor(tracks / heads), heads, sectorsPerTrack };
}
