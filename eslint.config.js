import tseslint from 'typescript-eslint';

/** The rooms in their order: each may import from those before it, but the first five know nothing of each other. */
const BASEMENT = ['disk', 'plan', 'blob', 'digest', 'state'];
const ORDER = [...BASEMENT, 'session', 'verify', 'push', 'pull', 'manage', 'cli'];

const closedTo = (room) =>
  ORDER.filter(
    (other, index) =>
      other !== room && (index > ORDER.indexOf(room) || (BASEMENT.includes(room) && BASEMENT.includes(other))),
  );
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
    files: ['test/**/*.ts', 'fixtures/**/*.ts', 'bench/**/*.ts'],
    extends: [tseslint.configs.recommended],
  },
  ...ORDER.filter((room) => room !== 'cli').map((room) => ({
    files: [`src/${room}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: closedTo(room).map((other) => `**/${other}/**`),
              message: `src/${room} may not import from there: see ARCHITECTURE.md`,
            },
            ...(room === 'blob' ? [] : [{ group: ['@azure/*'], message: 'only src/blob talks to the service' }]),
          ],
        },
      ],
    },
  })),
);
