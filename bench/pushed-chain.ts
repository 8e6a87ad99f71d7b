import type { Bench } from './bench.js';
import { pushWithVhdup } from './contestants/vhdup.js';
import { startAzuriteTarget, type AzuriteTarget } from './servers/target.js';

/** Pushes the root of the chain and the layer over it to a new Azurite; `base` is the URI of the latter. */
export async function pushChain(bench: Bench): Promise<{ readonly azurite: AzuriteTarget; readonly base: string }> {
  const root = await bench.inputs.root();
  const middle = await bench.inputs.installed();
  const azurite = await startAzuriteTarget(bench.folder);
  try {
    bench.say('pushing the base of the chain');
    const base = azurite.uri('installed');
    await pushWithVhdup(bench, root.path, ['--to', azurite.uri('root')]);
    await pushWithVhdup(bench, middle.path, ['--base', azurite.uri('root'), '--to', base]);
    return { azurite, base };
  } catch (error) {
    await azurite.stop();
    throw error;
  }
}
