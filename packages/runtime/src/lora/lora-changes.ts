// What LoRAs make of one network's weights, as they are read.

import type { Graph, Weight } from "@phaseskip/graph";
import { ElementType, PhaseskipError, widenHalf } from "@phaseskip/graph";
import { halfBits } from "../device/half.js";
import type { WeightChanges } from "../unet/weights.js";
import { addProduct, readProduct } from "./add-product.js";
import { layerWeights, type LayerWeight } from "./layer-weights.js";
import type { LoraLayer } from "./lora-file.js";

/** A LoRA of one network. */
export interface NetworkLora {
  /** Tells it from others. */
  readonly name: string;
  /** How much the caller lets it count. */
  readonly scale: number;
  readonly layers: ReadonlyMap<string, LoraLayer>;
}

interface Change extends Omit<NetworkLora, "layers"> {
  readonly layer: LoraLayer;
  readonly isTransposed: boolean;
}

/**
 * Matches LoRAs with a network's weights.
 * @param part the network's folder, for messages
 * @throws {PhaseskipError} `model-unsupported` If a layer has no weight here, or one of another size or type
 */
export function loraChanges(
  graph: Graph,
  part: string,
  loras: readonly NetworkLora[],
): WeightChanges {
  const weights = layerWeights(graph);
  const changes = new Map<string, Change[]>();
  for (const { layers, ...lora } of loras) {
    const missing = [...layers.keys()].filter((path) => !weights.has(path));
    if (missing.length > 0) {
      const more = missing.length > 3 ? ` and ${missing.length - 3} more` : "";
      throw new PhaseskipError(
        "model-unsupported",
        `Cannot use the LoRA ${lora.name} as ${part} has no weight for its layers ${missing.slice(0, 3).join(", ")}${more}: it was made for another model, or the export is quantized or has lost its names`,
      );
    }
    for (const [path, layer] of layers) {
      const found = weights.get(path)!;
      checkSize(lora.name, path, layer, found);
      const { name } = found.weight;
      const { isTransposed } = found;
      const before = changes.get(name) ?? [];
      changes.set(name, [...before, { ...lora, layer, isTransposed }]);
    }
  }
  return {
    key: (name) =>
      (changes.get(name) ?? [])
        .map((change) => `${change.name}=${change.scale}`)
        .join(),
    apply: (weight, bytes) => apply(changes.get(weight.name)!, bytes, weight),
  };
}

function checkSize(
  name: string,
  path: string,
  { up, down, mid }: LoraLayer,
  { weight: { dims, type }, isTransposed }: LayerWeight,
): void {
  const outs = isTransposed ? dims.at(-1)! : dims[0]!;
  const columns = dims.reduce((a, b) => a * b, 1) / outs;
  const product = (shape: readonly number[]) =>
    shape.reduce((a, b) => a * b, 1);
  const kernel = mid ? product(mid.shape.slice(2)) : 1;
  const made = [up.shape[0], product(down.shape.slice(1)) * kernel];
  const rank = mid?.shape[0] ?? down.shape[0];
  const isFloat = type === ElementType.FLOAT || type === ElementType.FLOAT16;
  const fits = made[0] === outs && made[1] === columns && isFloat;
  if (fits && up.shape[1] === rank && product(up.shape.slice(2)) === 1) return;
  throw new PhaseskipError(
    "model-unsupported",
    `Cannot use the LoRA ${name} as its layer ${path} must be of ${outs} × ${columns} for a float weight: it is of ${made.join(" × ")}, up [${up.shape.join(", ")}], down [${down.shape.join(", ")}]`,
  );
}

async function apply(
  changes: readonly Change[],
  bytes: Uint8Array<ArrayBuffer>,
  { dims }: Weight,
): Promise<void> {
  const count = dims.reduce((a, b) => a * b, 1);
  const isHalf = bytes.byteLength === 2 * count;
  const floats = isHalf
    ? new Float32Array(widenHalf(bytes).buffer)
    : new Float32Array(bytes.buffer, bytes.byteOffset, count);
  for (const { layer, scale, isTransposed } of changes) {
    const product = await readProduct(layer);
    addProduct(floats, product, scale * layer.scale, isTransposed);
  }
  if (!isHalf) return;
  const target = new Uint16Array(bytes.buffer, bytes.byteOffset, count);
  for (let i = 0; i < count; i++) target[i] = halfBits(floats[i]!);
}
