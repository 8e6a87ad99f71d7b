import tseslint from 'typescript-eslint';

/** Imports go one way only: cli → push → { plan, blob, digest, state, disk }. A room names those that it may not enter. */
const closedTo = {
  disk: ['plan', 'blob', 'push', 'digest', 'state', 'cli'],
  plan: ['disk', 'blob', 'push', 'digest', 'state', 'cli'],
  blob: ['disk', 'plan', 'push', 'state', 'cli'],
  digest: ['disk', 'plan', 'blob', 'push', 'state', 'cli'],
  state: ['disk', 'plan', 'blob', 'push', 'digest', 'cli'],
  push: ['cli'],
};

export default tseslint.config(
  { ignores: ['dist', 'node_modules', '.tap'] },
  {
    files: ['src/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'no-console': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['test/**/*.ts', 'fixtures/**/*.ts'],
    extends: [tseslint.configs.recommended],
  },
  ...Object.entries(closedTo).map(([room, others]) => ({
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            { group: others.map((other) => `**/${other}/**`), message: `src/${room} may not import from there: see ARCHITECTURE.md` },
            ...(room === 'blob' ? [] : [{ group: ['@azure/*'], message: 'only src/blob talks to the service' }]),
          ],
        },
      ],
    },
  })),
);
