// What pages say is what there is: every error code, the README's code, plans that parse, commands with options they have.
import { readFileSync, readdirSync } from "node:fs";
import { runCommand } from "@phaseskip/cli";
import { parsePlan } from "../packages/runtime/src/plan/parse-plan.ts";
import { expect, test } from "vitest";

const read = (path) => readFileSync(path, "utf8");
const pages = readdirSync("docs")
  .filter((name) => name.endsWith(".md"))
  .map((name) => [name, read(`docs/${name}`)]);

const codes = [
  ...read("packages/graph/src/errors.ts")
    .split("export class")[0]
    .matchAll(/^ {2}\| "([a-z-]+)"/gm),
].map(([, code]) => code);

test("every error code has its heading on the page of errors, and its name in llms.txt; no other has", () => {
  expect(codes.length).toBeGreaterThan(10);
  const headings = read("docs/errors.md").matchAll(/^## (.+)$/gm);
  expect([...headings].map(([, name]) => name).sort()).toEqual(
    [...codes].sort(),
  );
  const said = read("docs/public/llms.txt").replace(/\s+/g, " ");
  for (const code of codes) expect(said).toContain(code);
});

const squeezed = (text) => text.replace(/[\s,;]+/g, "");

test("the README's code is that of the snippets, which compile", () => {
  const snippets = ["draw.ts", "phaseskip.worker.ts"].map((name) =>
    squeezed(read(`docs/snippets/${name}`)),
  );
  const fences = [...read("README.md").matchAll(/```ts\n([\s\S]*?)```/g)];
  expect(fences).toHaveLength(2);
  for (const [i, [, code]] of fences.entries())
    expect(snippets[i]).toContain(squeezed(code));
});

test("the plan that is shown parses", () => {
  const plan = JSON.parse(read("docs/snippets/plan.json"));
  expect(parsePlan(plan).rules).toHaveLength(1);
});

test("what a page includes is there, region and all", () => {
  const includes = pages.flatMap(([, text]) => [
    ...text.matchAll(/^<<< (\S+?)(?:#(\w+))?$/gm),
  ]);
  expect(includes.length).toBeGreaterThan(15);
  for (const [, path, region] of includes) {
    const text = read(`docs/${path}`);
    if (region) expect(text).toContain(`// #region ${region}\n`);
  }
});

test("commands on pages have the options that they are given", async () => {
  const lines = [...pages, ["README.md", read("README.md")]].flatMap(
    ([name, text]) =>
      [...text.matchAll(/(?<!create )phaseskip ([a-z]+)\b([^`\n]*)/g)]
        .filter(([, , rest]) => rest.includes("--"))
        .map(([, command, rest]) => ({ name, command, rest })),
  );
  expect(lines.length).toBeGreaterThan(8);
  for (const { name, command, rest } of lines) {
    let help = "";
    const stdout = { write: (text) => (help += text) };
    await runCommand([command, "--help"], { stdout, stderr: stdout });
    for (const option of rest.match(/--[a-z-]+/g))
      expect(help, `${name}: phaseskip ${command}`).toMatch(
        new RegExp(`^ +(-\\w, )?${option}\\b`, "m"),
      );
  }
});
