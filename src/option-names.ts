/** How messages name things of the library. */
export interface OptionNames {
  /** Returns the name of an option, with a value or without. `false` means an option that is switched off. */
  option(name: string, value?: string | false): string;
  /** Returns the name of a function. */
  call(name: string): string;
}

let names: OptionNames = {
  option: (name, value) =>
    value === undefined ? `\`${name}\`` : `\`${name}: ${value === false ? 'false' : `'${value}'`}\``,
  call: (name) => `\`${name}\``,
};

/** Sets how this process names options and functions. The command line names its flags and commands instead. */
export function nameOptionsBy(other: OptionNames): void {
  names = other;
}

/** Returns the name of an option for a message. */
export function option(name: string, value?: string | false): string {
  return names.option(name, value);
}

/** Returns the name of a function of the library for a message. */
export function call(name: string): string {
  return names.call(name);
}
