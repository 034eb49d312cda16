import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, expect, test } from "vitest";
import { readEntry } from "./check-docs.mjs";

const folder = mkdtempSync(join(tmpdir(), "check-docs-"));
afterAll(() => rmSync(folder, { recursive: true }));

function read(text) {
  const file = join(folder, "index.d.ts");
  writeFileSync(file, text);
  return readEntry(
    ts.createProgram([file], { lib: ["lib.es2023.d.ts"], types: [] }),
    file,
  );
}

test("readEntry() names exports, re-exports and members without a doc comment", () => {
  writeFileSync(
    join(folder, "other.d.ts"),
    "export declare const bare: number;",
  );
  const { missing } = read(`
    export { bare } from "./other.js";
    /** Said. */ export declare function said(): void;
    export declare function unsaid(): void;
    /** Said. */ export interface Options {
/** Said. */ a: number; b: number; }
    /** Said. */ export type Shape = { c: number };
    /** Said. */ export declare class Thing { #private; private hidden; method(): void;
/** Said. */ get size(): number; }
    interface Inner { d: number }
  `);
  expect(missing.sort()).toEqual([
    "Options.b",
    "Shape.c",
    "Thing.method",
    "bare",
    "unsaid",
  ]);
});

test("readEntry() takes a tag without a sentence for no doc comment", () => {
  expect(
    read("/** @internal */ export declare const x: number;").missing,
  ).toEqual(["x"]);
});

test("readEntry() finds examples in doc comments and at the top of the file", () => {
  const example = (code) =>
    `/**\n * Said.\n * @example\n * \`\`\`ts\n * ${code}\n * \`\`\`\n */\n`;
  const { examples } = read(
    `${example("one();")}\n\n${example("two();")}export declare function two(): void;`,
  );
  expect(examples.map((code) => code.trim())).toEqual(["one();", "two();"]);
});

test("readEntry() finds no example where there is none", () => {
  expect(read("/** Said. */ export declare const x: number;").examples).toEqual(
    [],
  );
});
