// What of an example and of a model goes into an app. The build takes the same, from the working copy into the package.

import { cp } from "node:fs/promises";
import { basename } from "node:path";

/** What a working copy of an example has beside its files; and how to copy it, which is done. */
const left = new Set([
  ...["node_modules", "dist", "out", ".next", "models"],
  "README.md",
]);

/** Copies a set-up, without what an install, a build or a visitor left in it, and how to copy it. */
export async function copyTemplate(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (path) => path === from || !left.has(basename(path)),
  });
}

/** Copies a model's folder, without the networks that only its study reads. */
export async function copyModel(from: string, to: string): Promise<void> {
  await cp(from, to, {
    recursive: true,
    filter: (path) => basename(path) !== "features",
  });
}
