import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Paths of the programs that run as processes of their own. */
export interface Programs {
  readonly floor: string;
  readonly reads: string;
  readonly sha256: string;
  readonly sink: string;
}

/** Makes JavaScript of them, so that no loader runs, and counts, in their processes. */
export async function compilePrograms(folder: string): Promise<Programs> {
  const compiled = join(folder, 'programs');
  await mkdir(compiled);
  const one = async (source: string, name: string) => {
    const outfile = join(compiled, `${name}.mjs`);
    await build({
      entryPoints: [fileURLToPath(new URL(source, import.meta.url))],
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      logLevel: 'warning',
    });
    return outfile;
  };
  return {
    floor: await one('contestants/floor-process.ts', 'floor'),
    reads: await one('contestants/reads-process.ts', 'reads'),
    sha256: await one('contestants/sha256-process.ts', 'sha256'),
    sink: await one('servers/sink-process.ts', 'sink'),
  };
}
