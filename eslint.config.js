import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: ['dist/', '.tap/', '.clinic/', 'coverage/', 'profiles/', 'native/build/'],
  },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      'no-console': 'error',
      complexity: ['error', 12],
      'max-params': ['error', 4],
      'max-lines': ['error', { max: 400, skipComments: true, skipBlankLines: true }],
      'max-lines-per-function': ['error', { max: 60, skipComments: true, skipBlankLines: true }],
    },
  },
  {
    // An age or a lifetime by a clock that steps freezes live playlists for as long as the step.
    files: ['src/**/*.ts', 'workers/**/*.ts'],
    ignores: ['src/runtime/clock.ts', 'src/http/date.ts'], // date.ts: for two-digit years alone
    rules: {
      'no-restricted-properties': [
        'error',
        {
          object: 'Date',
          property: 'now',
          message: 'The wall clock steps: Clock.now() for durations, Clock.wall() for dates.',
        },
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: 'NewExpression[callee.name="Date"][arguments.length=0]',
          message: 'The wall clock steps: Clock.now() for durations, Clock.wall() for dates.',
        },
      ],
    },
  },
  {
    files: ['test/**', 'bench/**'],
    rules: {
      'no-console': 'off',
      'max-lines-per-function': 'off',
      // A parser that judges others, and tables of hostile input, are long by nature.
      complexity: ['error', 20],
      'max-lines': ['error', { max: 450, skipComments: true, skipBlankLines: true }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafePromises: [
            { from: 'package', package: '@tapjs/core', name: 'PromiseWithSubtest' },
          ],
        },
      ],
    },
  },
  {
    // Plain JavaScript: what runs before the build, and what runs in browsers.
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { projectService: false } },
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
);
