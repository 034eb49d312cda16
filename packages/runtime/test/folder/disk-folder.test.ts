import {
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { openFolder } from "../../src/folder/model-folder.js";
import { openDiskFolder as openNoDiskFolder } from "../../src/folder/no-disk-folder.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);

let root: string;
const BODY = Buffer.from(Array.from({ length: 5000 }, (_, i) => (i * 7) & 255));

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "phaseskip-disk-"));
  await mkdir(join(root, "unet"));
  await writeFile(join(root, "unet/model.onnx"), BODY);
  await writeFile(join(root, "model_index.json"), '{"_class_name":"X"}');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true, force: true });
});

describe("a folder on disk", () => {
  test("opens by path and by file URL and reads any range", async () => {
    for (const location of [
      root,
      pathToFileURL(root),
      `${pathToFileURL(root).href}/`,
    ]) {
      const folder = await openFolder(location);
      expect(folder.location).toBe(root);
      const file = await folder.file("./unet/model.onnx");
      expect(file).toMatchObject({ path: "unet/model.onnx", size: 5000 });
      expect(Buffer.from(await file!.read(0, 5000))).toEqual(BODY);
      expect(Buffer.from(await file!.read(4321, 10))).toEqual(
        BODY.subarray(4321, 4331),
      );
      expect(await file!.read(5000, 0)).toHaveLength(0);
      await expect(file!.read(4990, 11)).rejects.toThrow(RangeError);
      await expect(file!.read(-1, 2)).rejects.toThrow(RangeError);
      expect(await folder.json("model_index.json")).toEqual({
        _class_name: "X",
      });
      await folder.close();
      await expect(file!.read(0, 1)).rejects.toMatchObject({
        code: "disposed",
      });
      await expect(folder.file("model_index.json")).rejects.toMatchObject({
        code: "disposed",
      });
    }
  });

  test("lists files behind links, as caches of downloads have them", async () => {
    await rename(join(root, "unet"), join(root, ".blobs"));
    await symlink(join(root, ".blobs"), join(root, "unet"));
    await symlink(".blobs/model.onnx", join(root, "vae.onnx"));
    const folder = await openFolder(root);
    const paths = ["model_index.json", "unet/model.onnx", "vae.onnx"];
    expect(await folder.paths()).toEqual(paths);
    await folder.close();
  });

  test("gives undefined for what is no file", async () => {
    const folder = await openFolder(root);
    for (const path of ["none", "unet", "model_index.json/x", "none/x.json"]) {
      expect(await folder.file(path), path).toBeUndefined();
    }
    expect(await folder.json("none.json")).toBeUndefined();
    await writeFile(join(root, "none"), "later");
    expect(await folder.file("none")).toMatchObject({ size: 5 });
    await folder.close();
  });

  test.each([
    "../x",
    "unet/../../x",
    "/etc/passwd",
    "a\\..\\b",
    "%2e%2e/x",
    "..%2fx",
    "C:/x",
  ])("refuses the path %j", async (path) => {
    const folder = await openFolder(root);
    await expect(folder.file(path)).rejects.toMatchObject({
      code: "model-invalid",
    });
    await folder.close();
  });

  test("names a folder that is missing or a file", async () => {
    const missing = join(root, "no such");
    await expect(openFolder(missing)).rejects.toMatchObject({
      code: "fetch-failed",
      message: `Cannot open the model folder ${missing} as it does not exist; give the path or the URL of a folder that holds a model_index.json`,
    });
    await expect(openFolder(join(root, "model_index.json"))).rejects.toThrow(
      "as it is a file",
    );
    await expect(openFolder("ftp://host/model")).rejects.toThrow(TypeError);
  });

  test("says what lies in the place of a model", async () => {
    await writeFile(join(root, "page.onnx"), "<!DOCTYPE html>");
    await writeFile(
      join(root, "pointer.onnx"),
      "version https://git-lfs.github.com/spec/v1\n",
    );
    await writeFile(join(root, "bad.json"), "{'a': 1}");
    const folder = await openFolder(root);
    await expect(folder.file("page.onnx")).rejects.toThrow("web page");
    await expect(folder.file("pointer.onnx")).rejects.toThrow("git lfs pull");
    await expect(folder.json("bad.json")).rejects.toMatchObject({
      code: "model-invalid",
      message: containing(join(root, "bad.json")),
    });
    await folder.close();
  });

  test("fails where a file becomes shorter while it is open", async () => {
    const folder = await openFolder(root);
    const file = await folder.file("unet/model.onnx");
    await truncate(join(root, "unet/model.onnx"), 100);
    await expect(file!.read(0, 5000)).rejects.toMatchObject({
      code: "fetch-failed",
    });
    await folder.close();
  });

  test("rejects with the signal's reason", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(openFolder(root, { signal })).rejects.toThrow("enough");
    const folder = await openFolder(root);
    await expect(folder.file("unet/model.onnx", signal)).rejects.toThrow(
      "enough",
    );
    await folder.close();
  });
});

describe("openFolder() in a browser", () => {
  test("takes paths relative to the page", async () => {
    vi.stubGlobal("location", {
      href: "https://shop.example/art/page.html?a#b",
    });
    expect((await openFolder("/models/x")).location).toBe(
      "https://shop.example/models/x/",
    );
    expect((await openFolder("models/x/")).location).toBe(
      "https://shop.example/art/models/x/",
    );
    expect((await openFolder("https://cdn.example/x?k=1#f")).location).toBe(
      "https://cdn.example/x/",
    );
  });

  test("says that there is no disk", async () => {
    await expect(openNoDiskFolder("file:///models/x")).rejects.toMatchObject({
      code: "fetch-failed",
      message: containing("serve the folder over HTTP"),
    });
  });
});
