import tseslint from "typescript-eslint";

/** How the code reads: one idea a file, named exports only. */
const house = {
  "max-lines": [
    "error",
    { max: 300, skipBlankLines: true, skipComments: true },
  ],
  "no-restricted-syntax": [
    "error",
    { selector: "ExportDefaultDeclaration", message: "Exports have names." },
  ],
};

export default tseslint.config(
  {
    ignores: [
      "**/dist/",
      "build/",
      "models/",
      "out/",
      "**/onnx_pb.*",
      "examples/**/public/",
      "examples/{next,vite-*}/", // of their own frameworks and types
    ],
  },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: "./tsconfig.json",
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      ...house,
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_" },
      ],
      "@typescript-eslint/no-unsafe-enum-comparison": "off", // generated enums meet our unions of the same numbers
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/require-await": "off", // async also turns a throw into a rejection
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowArray: true },
      ],
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "no-console": "error",
      eqeqeq: "error",
      "guard-for-in": "error", // a page's libraries may have put names into Object.prototype
      "prefer-const": "error",
    },
  },
  {
    files: ["packages/*/src/**/index.ts"],
    rules: {
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "Program > :not(ExportNamedDeclaration, ExportAllDeclaration[source.value=/^@/])",
          message: "index.ts is a list of named exports.",
        },
        {
          selector: "ExportNamedDeclaration > .declaration",
          message: "index.ts is a list of named exports.",
        },
      ],
    },
  },
  {
    files: ["packages/*/test/**", "e2e/**", "fuzz/**", "vitest.config.ts"],
    rules: {
      "max-lines": "off",
      "no-console": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  { files: ["packages/cli/src/**"], rules: { "no-console": "off" } },
  { files: ["vitest.config.ts"], rules: { "no-restricted-syntax": "off" } },
  {
    files: ["**/*.mjs"],
    extends: [tseslint.configs.recommended],
    rules: { eqeqeq: "error", "prefer-const": "error" },
  },
);
