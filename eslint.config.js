import tseslint from 'typescript-eslint';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';

/**
 * The floors of the house, the ground first. A room imports from the floors below its own, never from its own floor or above.
 * `errors.ts`, `option-names.ts` and `option-rules.ts` are the ground; `index.ts` only exports.
 */
const FLOORS = [
  ['bytes', 'redact', 'threads'],
  ['plan', 'state', 'digest', 'compression', 'cut', 'seal', 'toc'],
  ['disk'],
  ['run'],
  ['store'],
  ['azure'],
  ['session'],
  ['content'],
  ['protocol'],
  ['destination'],
  ['push', 'pull', 'verify', 'manage', 'vault'],
  ['cli'],
];

/** For each room the rooms that it must not import from. */
const zones = FLOORS.flatMap((floor, height) =>
  floor
    .map((room) => ({ room, closed: [...floor, ...FLOORS.slice(height + 1).flat()].filter((other) => other !== room) }))
    .filter(({ closed }) => closed.length > 0)
    .map(({ room, closed }) => ({
      target: `./src/${room}`,
      from: closed.map((other) => `./src/${other}`),
      message: `src/${room} may not import from there: see ARCHITECTURE.md`,
    })),
);

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.tap'] },
  {
    files: ['src/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.js'] } })] },
    rules: {
      'no-console': 'error',
      'max-lines': ['error', 250],
      'max-params': ['error', 4],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones, basePath: import.meta.dirname }],
    },
  },
  {
    files: ['src/!(azure)/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: ['@azure/*'], message: 'only src/azure talks to the service' }] },
      ],
    },
  },
  {
    files: ['{test,fixtures,bench,packaging,examples}/**/*.ts'],
    extends: [tseslint.configs.recommended],
  },
);
