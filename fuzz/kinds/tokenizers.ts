// tokenizer.json and its neighbours, to the ids of a text.

import { loadTokenizer } from "../../packages/runtime/src/text/tokenizer.js";
import type { Kind } from "../kind.js";
import { mutateJson } from "../mutate-json.js";
import { jsonFolder, modelJson } from "./json-folder.js";

const files = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "vocab.json",
  "merges.txt",
];

/** tokenizer.json and its neighbours. */
export const tokenizerKind: Kind = {
  name: "tokenizers",
  share: 10,
  open: async () => {
    const paths = [
      ...files.map((file) => `tokenizer/${file}`),
      "text_encoder/config.json",
    ];
    const folders = await Promise.all(
      ["tiny-text-ts", "tiny-sd-ts", "tiny-sd-dynamo"].map((model) =>
        modelJson(model, paths),
      ),
    );
    return (random) => {
      const folder = new Map(random.pick(folders));
      const path = random.pick([...folder.keys()]);
      const text = folder.get(path)!;
      folder.set(
        path,
        path.endsWith("json")
          ? mutateJson(JSON.parse(text) as object, random)
          : text.slice(random.below(text.length)),
      );
      return async () => {
        const tokenizer = await loadTokenizer(jsonFolder(folder));
        tokenizer.encode("a red boat at sunset, ﬁne Σ 💥");
      };
    };
  },
};
