// The weight cache on a real IndexedDB, over the test server's files.
import { expect, test } from "vitest";
import type { FolderProgress } from "../../src/download/load-progress.js";
import { openFolder } from "../../src/folder/model-folder.js";
import { loadTokenizer } from "../../src/text/tokenizer.js";
import { deleteModel, listModels } from "../../src/store/weight-cache.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);

const MODEL = "/packages/runtime/test/golden/tokenizers/";
const FILES = [
  "clip/merges.txt",
  "clip/tokenizer_config.json",
  "clip/vocab.json",
];

async function load() {
  const progress: FolderProgress[] = [];
  const onProgress = (event: FolderProgress) => progress.push(event);
  const folder = await openFolder(MODEL, { chunkBytes: 1000, onProgress });
  const { ids } = (await loadTokenizer(folder, "clip")).encode("a red boat");
  await folder.close();
  const paths = (kind: string) =>
    [
      ...new Set(
        progress.flatMap((event) =>
          event.kind === kind && "path" in event ? [event.path] : [],
        ),
      ),
    ].sort();
  return { ids, downloaded: paths("download"), cached: paths("cached") };
}

test("openFolder() fetches a model once and reads it from IndexedDB from then on", async () => {
  await deleteModel(MODEL);
  const first = await load();
  expect(first.downloaded).toEqual(expect.arrayContaining(FILES));
  expect(first.cached).toEqual([]);
  const second = await load();
  expect(second).toEqual({
    ids: first.ids,
    downloaded: [],
    cached: first.downloaded,
  });

  const model = (await listModels()).find(({ location }) =>
    location.endsWith(MODEL),
  );
  expect(model).toMatchObject({ files: first.downloaded.length });
  expect(await deleteModel(MODEL)).toBe(model?.bytes);
  expect((await load()).downloaded).toEqual(first.downloaded);
  await deleteModel(MODEL);
});

test("openFolder() says that a browser reads no files from disk", async () => {
  await expect(openFolder("file:///models/scenes")).rejects.toMatchObject({
    code: "fetch-failed",
    message: containing("serve the folder over HTTP"),
  });
});
