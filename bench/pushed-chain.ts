import type { Bench } from './bench.js';
import { pushWithVhdup } from './contestants/vhdup.js';
import { startAzuriteTarget, type AzuriteTarget } from './servers/target.js';

/** Pushes the chain up to the layer over its root to a new Azurite; `base` is the URI of the blob. */
export async function pushChain(bench: Bench): Promise<{ readonly azurite: AzuriteTarget; readonly base: string }> {
  const middle = await bench.inputs.installed();
  const azurite = await startAzuriteTarget(bench.folder);
  try {
    bench.say('pushing the base of the chain');
    const base = azurite.uri('installed');
    await pushWithVhdup(bench, middle.path, ['--to', base]);
    return { azurite, base };
  } catch (error) {
    await azurite.stop();
    throw error;
  }
}
