// A model's own list of its files, and a study's means.

import {
  formatMeans,
  parseMeans,
} from "../../packages/runtime/src/study/means-file.js";
import { parseManifest } from "../../packages/runtime/src/store/model-manifest.js";
import type { Kind } from "../kind.js";
import { mutateJson } from "../mutate-json.js";

const list = {
  format: "phaseskip-model",
  version: 1,
  licence: "MIT",
  plans: ["balanced", "quality"],
  files: {
    "unet/model.onnx": { size: 518_674, sha256: ["ab".repeat(32)] },
    "unet/weights.pb": {
      size: 2 ** 24 + 1,
      sha256: ["ab".repeat(32), "01".repeat(32)],
    },
    "model_index.json": { size: 0, sha256: [] },
  },
};

/** phaseskip.json. */
export const manifestKind: Kind = {
  name: "phaseskip.json",
  share: 6,
  open: () =>
    Promise.resolve((random) => {
      const text = mutateJson(list, random);
      return () => parseManifest(JSON.parse(text), "phaseskip.json", 2 ** 24);
    }),
};

/** Means beside a study. */
export const meansKind: Kind = {
  name: "means",
  share: 4,
  open: () => {
    const units = { mid_block: [Float32Array.of(1, 2, 3, 4)], conv_in: [] };
    const start = JSON.parse(
      formatMeans({ timesteps: [999, 1], units }),
    ) as object;
    return Promise.resolve((random) => {
      const text = mutateJson(start, random);
      return () => parseMeans(text, "means.json");
    });
  },
};
