import tseslint from 'typescript-eslint';

/**
 * V8 gives `{ ...known, more }` a hidden class of its own each time: 2 us instead of 0.1, and all code
 * that sees such objects is megamorphic. `{ more, ...known }` has one. src/runtime/DESIGN.md.
 */
const spreadAdds = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { adds: "'{{name}}' is not in what is spread before it: name it first." },
  },
  create(context) {
    const { getTypeAtLocation } = context.sourceCode.parserServices;
    const namesOf = (node) =>
      getTypeAtLocation(node)
        .getProperties()
        .map(({ name }) => name);
    return {
      'ObjectExpression[properties.length>1]'({ properties: [first, ...others] }) {
        if (first.type !== 'SpreadElement') return;
        const known = new Set(namesOf(first.argument));
        for (const node of others) {
          const names = node.type === 'Property' ? [node.key.name] : namesOf(node.argument);
          const name = names.find((one) => one !== undefined && !known.has(one));
          if (name !== undefined) context.report({ node, messageId: 'adds', data: { name } });
        }
      },
    };
  },
};

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
    // Where an object is made for each request.
    files: [
      'src/{arena,edge,http,media,origin,protocol,rules,runtime,shard,worker}/**/*.ts',
      'workers/**/*.ts',
    ],
    plugins: { headgate: { rules: { 'spread-adds': spreadAdds } } },
    rules: { 'headgate/spread-adds': 'error' },
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
