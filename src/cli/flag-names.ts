import { nameOptionsBy } from '../option-names.js';

/** The flags that are not named like their option, with hyphens. */
const FLAGS: Readonly<Record<string, string>> = { parentDirs: 'parent-dir', accountSas: 'sas-file' };

/** The commands of functions. */
const COMMANDS: Readonly<Record<string, string>> = {
  sealBlob: 'seal',
  blobStatus: 'status',
  makeLeafList: 'leaves',
  listImages: 'images',
};

/** Makes the messages of the library name flags and commands: `--base-check id`, `--no-check-md5`, `vhdup seal`. */
export function nameFlags(): void {
  nameOptionsBy({
    option: (name, value) => {
      const flag = FLAGS[name] ?? name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (value === false) return `--no-${flag}`;
      // A flag that may stand alone takes its value behind an equals sign.
      return value === undefined ? `--${flag}` : `--${flag}${name === 'seal' || name === 'verify' ? '=' : ' '}${value}`;
    },
    call: (name) => `vhdup ${COMMANDS[name] ?? name}`,
  });
}
