/** The groups of help, in their order. */
export const GROUPS = ['Destination', 'Base', 'Verify', 'Pace', 'Credentials', 'Seal', 'Disk', 'Output'] as const;

/** What all flags have. */
interface Described {
  readonly group: (typeof GROUPS)[number];
  /** One short line: with the flag's name, it fits 80 columns. */
  readonly text: string;
  /** More sentences, for `--help-all`, the man page and docs/CLI.md. */
  readonly more?: string;
  /** True for a flag that only `--help-all` shows. */
  readonly isRare?: true;
  /**
   * True if an environment variable sets the flag too. Not for a flag that names one file or blob, that changes what a push
   * uploads or resumes, that decides to which host a secret goes, or that makes a command do or check less: a variable is
   * forgotten, and then concerns a command that it was not meant for.
   */
  readonly hasVariable?: true;
}

/** A flag without a value. */
export interface SwitchFlag extends Described {
  readonly kind: 'switch';
  /** A letter that may be used instead of the name. */
  readonly short?: string;
  /** True for a switch that is on without the flag: help shows `--no-name`. */
  readonly isOn?: true;
}

/** A flag with a text. */
export interface TextFlag extends Described {
  readonly kind: 'text';
  /** What help shows for the value. */
  readonly value: string;
}

/** A flag with a number. */
export interface NumberFlag extends Described {
  readonly kind: 'number';
  readonly value: string;
}

/** A flag that may be given more than once. */
export interface ListFlag extends Described {
  readonly kind: 'list';
  readonly value: string;
}

/** A flag with one of a few values. */
export interface ChoiceFlag extends Described {
  readonly kind: 'choice';
  /** What help shows for the value; without it, the choices. */
  readonly value?: string;
  readonly choices: readonly string[];
  readonly default?: string;
  /** The value of the flag alone. Another one then has to follow an equals sign. */
  readonly alone?: string;
}

/** A flag, as plain data. Parser, help, completion and documents are made from it. */
export type Flag = SwitchFlag | TextFlag | NumberFlag | ListFlag | ChoiceFlag;

/** Flags by their names, without hyphens before them, in the order of help. */
export type FlagSet = Readonly<Record<string, Flag>>;

/** A word of a command that is not a flag: a file or the URI of a blob. */
export interface Word {
  readonly text: string;
  readonly isOptional?: true;
  /** What completion offers; without it nothing, as for URIs. */
  readonly completes?: 'files' | readonly string[];
}

/** Words by their names, in their order. */
export type WordSet = Readonly<Record<string, Word>>;

/** The type of a flag's value. */
type ValueOf<F extends Flag> = F extends SwitchFlag
  ? boolean
  : F extends ListFlag
    ? readonly string[]
    : F extends NumberFlag
      ? number | undefined
      : F extends { readonly choices: readonly (infer Choice)[] }
        ? Choice | (F extends { readonly default: string } ? never : undefined)
        : string | undefined;

type Camel<Name extends string> = Name extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : Name;

/** The values of flags, by their names in camel case. */
export type FlagsOf<Flags extends FlagSet> = {
  readonly [Name in keyof Flags & string as Camel<Name>]: ValueOf<Flags[Name]>;
};

/** The values of words. */
export type WordsOf<Words extends WordSet> = {
  readonly [Name in keyof Words & string as Camel<Name>]: Words[Name] extends { readonly isOptional: true }
    ? string | undefined
    : string;
};

/** A command, as plain data. */
export interface CommandDefinition<Words extends WordSet = WordSet, Flags extends FlagSet = FlagSet> {
  readonly name: string;
  /** One short line. */
  readonly text: string;
  readonly words: Words;
  readonly flags: Flags;
  /** Command lines without the program's name, and what each does. */
  readonly examples: readonly (readonly [line: string, text: string])[];
  /** Sentences below the flags. */
  readonly notes?: string;
}

/** The values that a command's handler gets. */
export type ArgumentsOf<Definition extends CommandDefinition> = WordsOf<Definition['words']> &
  FlagsOf<Definition['flags']>;

/** The name of a flag as help shows it: `--limit`, `--no-cache`. */
export function shownName(name: string, flag: Flag): string {
  return flag.kind === 'switch' && flag.isOn ? `--no-${name}` : `--${name}`;
}

/** Returns what help shows for a flag's value, with the character before it; empty for a switch. */
export function shownValue(flag: Flag): string {
  if (flag.kind === 'switch') return '';
  if (flag.kind !== 'choice') return ` ${flag.value}`;
  return flag.alone === undefined ? ` ${flag.value ?? flag.choices.join('|')}` : `[=${flag.choices.join('|')}]`;
}

/** Returns the environment variable that sets a flag: `VHDUP_LIMIT`, `VHDUP_NO_CACHE`. `undefined` if there is none. */
export function variableOf(name: string, flag: Flag): string | undefined {
  return flag.hasVariable && `VHDUP_${shownName(name, flag).slice(2).replaceAll('-', '_').toUpperCase()}`;
}
