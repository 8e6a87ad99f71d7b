/** The files that cannot share a process, with the reason: folders run in one each, everything else with its folder. */
export const OWN_PROCESS: Readonly<Record<string, string>> = {
  'test/cli/flag-names.test.ts': 'sets the names of options for the whole process',
  'test/disk/chain-memory.test.ts': 'measures memory',
  'test/disk/large.test.ts': 'measures memory',
  'test/disk/scale.test.ts': 'measures memory',
  'test/trust/bases.test.ts': 'sets the accounts of Azurite for the whole process',
};
