// The README shows what is compiled and run elsewhere: the entries' examples, and the page without a bundler.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string) =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const squeezed = (text: string) =>
  text.replace(/^ \*/gm, "").replace(/[\s,]+/g, "");
const fences = (language: string) => [
  ...read("packages/phaseskip/README.md").matchAll(
    new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, "g"),
  ),
];

test("its code is that of the entries' examples, which compile", () => {
  const examples = ["wire/worker.ts", "load-pipeline.ts"].map((file) =>
    squeezed(read(`packages/runtime/src/${file}`)),
  );
  const codes = fences("ts").map(([, code]) => squeezed(code!));
  expect(codes).toHaveLength(2);
  codes.forEach((code, i) => expect(examples[i]).toContain(code));
});

test("its page is that of the example that is opened in browsers", () => {
  const page = read("examples/minimal/index.html").replace(/\s+/g, " ");
  const [[, html] = []] = fences("html");
  const parts = html!.trim().split(/\n\s*/);
  expect(parts.length).toBeGreaterThan(5);
  expect(parts.filter((part) => !page.includes(part))).toEqual([]);
});

test("every published package has a README", () => {
  for (const name of ["scheduler", "metrics", "graph", "runtime", "ablation"])
    expect(read(`packages/${name}/README.md`)).toMatch(
      new RegExp(`^# @phaseskip/${name}\n`),
    );
  expect(read("packages/cli/README.md")).toContain("phaseskip");
});
