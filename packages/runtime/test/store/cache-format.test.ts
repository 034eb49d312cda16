// Two versions of the package on one cache: the older one neither reads nor changes what the newer one laid out.
import { expect, test } from "vitest";
import { deleteModel, listModels } from "../../src/store/weight-cache.js";
import {
  bytesOf,
  keepFormat,
  kinds,
  open,
  PATH,
  progress,
  readAll,
  serve,
  server,
  storedKeys,
} from "../served-model.js";

const says = expect.stringMatching(
  /format must be 1, and another version of phaseskip, maybe in another tab, made it 2: update phaseskip here, or clear/,
) as string;

test("a cache of a newer format is left as it is, and the model runs from memory", async () => {
  const body = bytesOf(2500);
  await serve({ [PATH]: { body, etag: '"1"' } });
  await readAll(await open());
  const before = await storedKeys();
  expect(before.length).toBeGreaterThan(3);

  await keepFormat(2);
  server.files.set(PATH, { body: bytesOf(2000, 9), etag: '"2"' });
  progress.length = 0;
  const folder = await open();
  const [read] = await Promise.all([readAll(folder), folder.file("absent")]);
  expect(read).toEqual(bytesOf(2000, 9));
  await folder.complete();
  expect(kinds()).toEqual(expect.arrayContaining(["uncached", "download"]));
  expect(progress.filter(({ kind }) => kind === "uncached")).toEqual([
    expect.objectContaining({ reason: says }),
  ]);
  await expect(listModels()).rejects.toMatchObject({ message: says });
  await expect(deleteModel(server.url)).rejects.toMatchObject({
    code: "quota",
  });
  expect(await storedKeys()).toEqual([...before, ["format"]]);

  // the newer one is gone: what lay there is found again
  await keepFormat(undefined);
  server.files.set(PATH, { body, etag: '"1"' });
  progress.length = 0;
  expect(await readAll(await open())).toEqual(body);
  expect(kinds()).toEqual(["cached"]);
});

test("a format that another tab changes between two files is told, and nothing more is written", async () => {
  const body = bytesOf(2500);
  await serve({
    [PATH]: { body, etag: '"1"' },
    first: { body: bytesOf(500), etag: '"1"' },
  });
  const folder = await open();
  await readAll(folder, "first");
  const before = await storedKeys();
  await keepFormat(2);
  expect(await readAll(folder)).toEqual(body);
  expect(progress).toContainEqual({
    kind: "uncached",
    path: PATH,
    reason: says,
  });
  await keepFormat(undefined);
  expect(await storedKeys()).toEqual(before);
});
