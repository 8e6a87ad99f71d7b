const MEMORY = 'measures the memory of its process';
const LONG = 'takes long: begins first, beside others';

/** The files that have a process of their own, with the reason, in the order in which they begin; others share one with their folder. */
export const OWN_PROCESS: Readonly<Record<string, string>> = {
  'test/e2e/kill.test.ts': LONG,
  'test/e2e/leaves-kill.test.ts': LONG,
  'test/e2e/rebuilt.test.ts': LONG,
  'test/e2e/raw.test.ts': LONG,
  'test/e2e/push.test.ts': LONG,
  'test/e2e/golden-images.test.ts': LONG,
  'test/push/gaps.test.ts': LONG,
  'test/azure/listing.test.ts': LONG,
  'test/pull/pull.test.ts': LONG,
  'test/pull/holes.test.ts': LONG,
  'test/e2e/align.test.ts': LONG,
  'test/golden/blob.test.ts': LONG,
  'test/attack/torn-source.test.ts': LONG,
  'test/attack/third-parties.test.ts': LONG,
  'test/cli/cli.test.ts': LONG,
  'test/cli/secrets.test.ts': LONG,
  'test/disk/chain-memory.test.ts': MEMORY,
  'test/disk/hostile.fuzz.test.ts': MEMORY,
  'test/disk/large.test.ts': MEMORY,
  'test/disk/qcow2/chain-memory.test.ts': MEMORY,
  'test/disk/qcow2/hostile.fuzz.test.ts': MEMORY,
  'test/disk/scale.test.ts': MEMORY,
  'test/disk/vhdx/hostile.fuzz.test.ts': MEMORY,
  'test/disk/vhdx/large.test.ts': MEMORY,
  'test/compression/hostile.fuzz.test.ts': MEMORY,
  'test/trust/bases.test.ts': 'sets the accounts of Azurite for its process',
  'test/cli/flag-names.test.ts': 'sets the names of options for its process',
};
