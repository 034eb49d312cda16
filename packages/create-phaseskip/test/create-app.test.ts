import {
  mkdtemp,
  mkdir,
  readFile,
  readdir,
  rm,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createApp, templates } from "../src/index.js";

// stands for the prebuilt files, which are only copied
const prebuilt = "packages/create-phaseskip/bin";
const version = "7.8.9";
const parts = {
  ...{ templates: "examples", model: "models/scenes" },
  ...{ prebuilt, version },
};

let scratch: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), "create-phaseskip-"));
});
afterAll(() => rm(scratch, { recursive: true, force: true }));

test.each(Object.entries(templates))(
  "%s: the example's own files, a model where its page looks for it, and what to type",
  async (template, { models, start }) => {
    const folder = join(scratch, `My ${template}`);
    const next = await createApp({ folder, template }, parts);

    const example = await readdir(join("examples", template));
    expect(await readdir(folder)).toEqual(
      expect.arrayContaining(
        example.filter(
          (name) =>
            !/^(node_modules|dist|out|\.next|public|models|README\.md)$/.test(
              name,
            ),
        ),
      ),
    );
    const weights = await readdir(join(folder, models, "scenes/unet"));
    expect(weights).toContain("weights-0.bin");
    expect(await readdir(join(folder, models, "scenes"))).not.toContain(
      "features",
    );
    expect(next).toEqual([
      `cd ${JSON.stringify(folder)}`,
      ...(example.includes("package.json") ? ["npm install"] : []),
      ...start,
    ]);
    expect(await readFile(join(folder, "README.md"), "utf8")).toContain(
      `\n${next.slice(1).join("\n")}\n`,
    );
    if (!example.includes("package.json")) return;
    const manifest = JSON.parse(
      await readFile(join(folder, "package.json"), "utf8"),
    ) as unknown;
    expect(manifest).toMatchObject({
      name: `my-${template}`,
      dependencies: { phaseskip: version },
    });
  },
);

test("an app without a bundler gets the prebuilt files", async () => {
  const folder = join(scratch, "plain");
  await createApp({ folder, template: "minimal" }, parts);
  expect(await readdir(join(folder, "phaseskip"))).toEqual(
    await readdir(prebuilt),
  );
});

test("nothing that is there is written over", async () => {
  const folder = join(scratch, "mine");
  await mkdir(folder);
  await writeFile(join(folder, "index.html"), "mine");
  await expect(
    createApp({ folder, template: "minimal" }, parts),
  ).rejects.toThrow(
    /Cannot create an app in .*mine as it must be empty or not there yet: it holds index.html/,
  );
  expect(await readFile(join(folder, "index.html"), "utf8")).toBe("mine");
});

test.each(["angular", "constructor", ""])(
  "a template that there is none of, %j, is told with those that there are",
  async (template) => {
    await expect(
      createApp({ folder: join(scratch, "none"), template }, parts),
    ).rejects.toThrow(/must be one of vite-react, .*minimal: current value is/);
    expect(await readdir(scratch)).not.toContain("none");
  },
);
