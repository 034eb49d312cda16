import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { openDiskFolder } from "../../src/folder/disk-folder.js";
import { loadTokenizer } from "../../src/text/tokenizer.js";

// Typed: what expect gives is any.
const containing = (text: string): unknown => expect.stringContaining(text);

// Made by models/golden_tokenizers.py with transformers 5.23.0 and tokenizers 0.23.3; compared exactly.
const GOLDEN = new URL("../golden/tokenizers/", import.meta.url);

interface GoldenCase {
  name: string;
  text: string;
  ids: number[];
  truncated: number;
}

const scratch: string[] = [];
afterEach(async () => {
  await Promise.all(
    scratch.splice(0).map((path) => rm(path, { recursive: true })),
  );
});

/** A model folder whose tokenizer/ holds these files. */
async function folderWith(files: Record<string, unknown>) {
  const root = await mkdtemp(join(tmpdir(), "phaseskip-tokenizer-"));
  scratch.push(root);
  for (const [path, value] of Object.entries(files)) {
    await mkdir(join(root, path, ".."), { recursive: true });
    await writeFile(
      join(root, path),
      typeof value === "string" ? value : JSON.stringify(value),
    );
  }
  return openDiskFolder(root);
}

describe.each(readdirSync(GOLDEN))("loadTokenizer() of %s", (dir) => {
  const golden = JSON.parse(
    readFileSync(new URL(`${dir}/golden.json`, GOLDEN), "utf8"),
  ) as GoldenCase[];

  test.each(golden)(
    "encodes $name as transformers does",
    async ({ text, ids, truncated }) => {
      const folder = await openDiskFolder(GOLDEN);
      try {
        const encoded = (await loadTokenizer(folder, dir)).encode(text);
        expect(encoded.ids).toEqual(ids);
        expect(encoded.truncated).toBe(truncated);
      } finally {
        await folder.close();
      }
    },
  );
});

describe("loadTokenizer()", () => {
  test("reports words that a vocabulary of words lacks, each once", async () => {
    const folder = await openDiskFolder(GOLDEN);
    const kept = (await loadTokenizer(folder, "words")).encode(
      "A red zeppelin, a Zeppelin at dusk",
    );
    expect(kept.unknown).toEqual(["zeppelin", "dusk"]);
    const dropped = (await loadTokenizer(folder, "words-dropped")).encode(
      "A red zeppelin, a Zeppelin at dusk",
    );
    expect(dropped.unknown).toEqual(["zeppelin", "dusk"]);
    expect(dropped.ids.filter((id) => id !== 0)).toHaveLength(2 + 4);
    await folder.close();
  });

  test("reports words with symbols that a byte-level vocabulary lacks", async () => {
    const folder = await openDiskFolder(GOLDEN);
    expect(
      (await loadTokenizer(folder, "clip-few-bytes")).encode(
        "a red <b>boat</b> at caf\u00e9",
      ).unknown,
    ).toEqual(["<b>boat</b>", "caf\u00e9"]);
    expect(
      (await loadTokenizer(folder, "clip")).encode("a red \u7d05\u8239")
        .unknown,
    ).toEqual([]);
    await folder.close();
  });

  test("takes the length from the text encoder where the tokenizer leaves it open", async () => {
    const vocab = { a: 0, "[PAD]": 1, "[UNK]": 2 };
    const folder = await folderWith({
      "tokenizer_2/tokenizer.json": {
        model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
      },
      "tokenizer_2/tokenizer_config.json": {
        model_max_length: 1e30,
        pad_token: "[PAD]",
      },
      "text_encoder_2/config.json": { max_position_embeddings: 5 },
    });
    const tokenizer = await loadTokenizer(folder, "tokenizer_2");
    expect(tokenizer.modelMaxLength).toBe(5);
    expect(tokenizer.encode("a").ids).toEqual([0, 1, 1, 1, 1]);
    await folder.close();
  });

  test("drops unknown words where the text encoder has no row for them", async () => {
    const vocab = { a: 0, "[PAD]": 1, "[UNK]": 2 };
    const files = {
      "tokenizer/tokenizer.json": {
        model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
        pre_tokenizer: { type: "WhitespaceSplit" },
      },
      "tokenizer/tokenizer_config.json": {
        model_max_length: 3,
        pad_token: "[PAD]",
      },
    };
    for (const [vocab_size, ids] of [
      [2, [0, 1, 1]],
      [3, [2, 0, 1]],
    ]) {
      const folder = await folderWith({
        ...files,
        "text_encoder/config.json": { vocab_size },
      });
      const encoded = (await loadTokenizer(folder)).encode("b a");
      expect(encoded).toEqual({ ids, unknown: ["b"], truncated: 0 });
      await folder.close();
    }
  });

  test("fills up and cuts on the left where the configuration says so", async () => {
    const vocab = { a: 0, b: 1, c: 2, "[PAD]": 3, "[UNK]": 4 };
    const folder = await folderWith({
      "tokenizer/tokenizer.json": {
        model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
        pre_tokenizer: { type: "WhitespaceSplit" },
      },
      "tokenizer/tokenizer_config.json": {
        model_max_length: 2,
        pad_token: { content: "[PAD]" },
        padding_side: "left",
        truncation_side: "left",
      },
    });
    const tokenizer = await loadTokenizer(folder);
    expect(tokenizer.encode("a").ids).toEqual([3, 0]);
    expect(tokenizer.encode("a b c")).toEqual({
      ids: [1, 2],
      unknown: [],
      truncated: 1,
    });
    await folder.close();
  });

  test("throws model-invalid that names what is missing or wrong", async () => {
    const none = await folderWith({ "tokenizer/vocab.json": {} });
    await expect(loadTokenizer(none)).rejects.toMatchObject({
      code: "model-invalid",
      message: containing(
        "neither tokenizer.json nor both vocab.json and merges.txt",
      ),
    });
    const wrong = await folderWith({
      "tokenizer/tokenizer.json": { model: { type: "Mystery" } },
    });
    await expect(loadTokenizer(wrong)).rejects.toMatchObject({
      code: "model-invalid",
    });
    const tight = await folderWith({
      "tokenizer/vocab.json": { "a</w>": 0 },
      "tokenizer/merges.txt": "#version: 0.2\n",
      "tokenizer/tokenizer_config.json": { model_max_length: 2 },
    });
    await expect(loadTokenizer(tight)).rejects.toThrow("leaves no room");
    await Promise.all([none, wrong, tight].map((folder) => folder.close()));
  });
});
