// Model folders as other tools and people lay them out, made of the tiny-* folders here by copies, other names and a few
// bytes: nothing of them is committed. docs/exports.md has a row for each.
//
//     node models/layouts.mjs OUT [NAME…]    writes them to OUT/NAME/
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** By path: the files of a folder here, those that `wanted` takes. */
function filesOf(model, wanted = () => true) {
  const paths = readdirSync(join(here, model), {
    recursive: true,
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath ?? entry.path, entry.name).slice(
        join(here, model).length + 1,
      ),
    );
  return Object.fromEntries(
    paths
      .filter((path) => wanted(path))
      .map((path) => [path, readFileSync(join(here, model, path))]),
  );
}

/** The same files under other paths; `undefined` leaves one out. */
function renamed(files, rename) {
  return Object.fromEntries(
    Object.entries(files).flatMap(([path, bytes]) => {
      const to = rename(path);
      return to === undefined ? [] : [[to, bytes]];
    }),
  );
}

/** A text in a file's bytes as another one of the same length. */
function replaced(bytes, from, to, start = 0) {
  const [a, b] = [Buffer.from(from), Buffer.from(to)];
  const at = bytes.indexOf(a, start);
  if (at < 0 || a.length !== b.length)
    throw new Error(`cannot write ${to} over ${from}`);
  const copy = Buffer.from(bytes);
  b.copy(copy, at);
  return copy;
}

const index = (_class_name, parts) =>
  Buffer.from(
    JSON.stringify({ _class_name, _diffusers_version: "0.42.1", ...parts }),
  );
const of = (library, unet, text, vae) => ({
  unet: [library, unet],
  text_encoder: [library, text],
  tokenizer: ["transformers", "CLIPTokenizer"],
  vae_decoder: [library, vae],
  scheduler: ["diffusers", "PNDMScheduler"],
  safety_checker: [null, null],
});
const torch = of(
  "diffusers",
  "UNet2DConditionModel",
  "CLIPTextModel",
  "AutoencoderKL",
);
const onnx = of(
  "diffusers",
  "OnnxRuntimeModel",
  "OnnxRuntimeModel",
  "OnnxRuntimeModel",
);
const isNoConfig = (path) =>
  !/(unet|text_encoder|vae_decoder)\/config\.json$/.test(path);

/** `unet/model.onnx` as `onnx/unet_model_fp16.onnx`; weights beside it keep their name. */
function asTransformersJs(path) {
  const [part, file] = path.split("/");
  if (part === "tokenizer") return file;
  if (/^(unet|text_encoder|vae_decoder)$/.test(part)) {
    const suffix = part === "vae_decoder" ? "_f16" : "_fp16";
    if (file === "config.json") return undefined;
    return file === "model.onnx"
      ? `onnx/${part}_model${suffix}.onnx`
      : `onnx/${file}`;
  }
  return path;
}

/** The sample's channels in a Unet's inputs as another number. */
function withChannels(bytes, channels) {
  const input = bytes.indexOf(Buffer.from([0x0a, 6, ...Buffer.from("sample")]));
  return replaced(bytes, [0x0a, 2, 8, 4], [0x0a, 2, 8, channels], input);
}

/** By name: the model that it must draw as, or why it is refused; and its files. */
export const layouts = {
  optimum: { as: "tiny-sd-ts", files: () => filesOf("tiny-sd-ts") },
  "diffusers-onnx-pipeline": {
    as: "tiny-sd-ts",
    // the graph leaves open what no configuration says
    options: { height: 32, width: 32 },
    files: () => ({
      ...filesOf("tiny-sd-ts", isNoConfig),
      "model_index.json": index("OnnxStableDiffusionPipeline", onnx),
    }),
  },
  "web-demo": {
    as: "tiny-sd-dynamo",
    options: { height: 32, width: 32 },
    files: () => ({
      ...filesOf(
        "tiny-sd-dynamo",
        (path) => isNoConfig(path) && path !== "model_index.json",
      ),
    }),
  },
  "webnn-flat": {
    as: "tiny-text-ts-static",
    files: () =>
      renamed(
        filesOf("tiny-text-ts-static", isNoConfig),
        (path) =>
          ({
            "unet/model.onnx": "sd-unet-b2c3h16w16s12-layernorm.onnx",
            "text_encoder/model.onnx": "sd-text-encoder-b2s12.onnx",
          })[path] ?? path,
      ),
  },
  "transformers-js": {
    as: "tiny-sd-dynamo",
    options: { height: 32, width: 32 },
    files: () => ({
      ...renamed(filesOf("tiny-sd-dynamo"), asTransformersJs),
      "model_index.json": index("StableDiffusionPipeline", torch),
    }),
  },
  "several-dtypes": {
    as: "tiny-sd-ts",
    files: () => ({
      ...filesOf("tiny-sd-ts"),
      "unet/model_fp16.onnx": filesOf("tiny-sd-image-ts")["unet/model.onnx"],
    }),
  },
  "odd-names": {
    as: "tiny-sd-dynamo",
    files: () => {
      const files = renamed(filesOf("tiny-sd-dynamo"), (path) =>
        path === "unet/weights.pb" ? "unet/a b/#5%.pb" : path,
      );
      const path = "unet/model.onnx";
      let unet = files[path];
      while (unet.includes("weights.pb"))
        unet = replaced(unet, "weights.pb", "a b/#5%.pb");
      return { ...files, [path]: unet };
    },
  },
  "image-to-image-class": {
    as: "tiny-sd-ts",
    files: () => ({
      ...filesOf("tiny-sd-ts"),
      "model_index.json": index("StableDiffusionImg2ImgPipeline", torch),
    }),
  },
  "depth-5-channels": {
    refused: /it takes 5 channels; known are 4, 9, as an inpainting model/,
    files: () => refusedFor(5),
  },
};

function refusedFor(channels) {
  const files = filesOf("tiny-sd-image-ts");
  return {
    ...files,
    "unet/model.onnx": withChannels(files["unet/model.onnx"], channels),
  };
}

/** Writes one of them to a folder. */
export function writeLayout(name, folder) {
  for (const [path, bytes] of Object.entries(layouts[name].files())) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, bytes);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [out, ...names] = process.argv.slice(2);
  for (const name of names.length > 0 ? names : Object.keys(layouts))
    writeLayout(name, join(out, name));
}
