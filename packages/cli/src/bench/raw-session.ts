// What the executor is measured against: one ONNX Runtime session, fed from the CPU and read back to it.

import {
  ElementType,
  elementCount,
  isComputed,
  readsMainInput,
  segmentModel,
  wholeModel,
  type LiveGraph,
  type Segment,
  type SegmentInput,
  type SegmentModel,
  type Unet,
} from "@phaseskip/graph";
import type {
  Device,
  DeviceTensor,
  Weights,
} from "@phaseskip/runtime/internals";

/** What a Unet is fed. */
export interface UnetInputs {
  /** `[batch, channel, height, width]`. */
  readonly sample: Float32Array;
  readonly timestep: number;
  /** `[batch, token, width]`; undefined for a Unet without a text. */
  readonly text: Float32Array | undefined;
}

/** One session that computes a Unet's output. */
export interface RawSession {
  /** Runs it once: new tensors in, the output read back. */
  run(inputs: UnetInputs): Promise<Float32Array>;
  /** Frees the session and what it is fed beside its inputs. */
  release(): Promise<void>;
}

/**
 * A session of the whole file, widened where the device lacks float16, as any program would open it.
 * @throws {PhaseskipError} If the session cannot be made.
 */
export async function wholeSession(
  device: Device,
  unet: Unet,
  weights: Weights,
): Promise<RawSession> {
  const model = wholeModel(unet.graph, !device.hasHalf);
  const inputs = unet.graph.inputs.map(({ name }) => ({
    name,
    value: name,
    units: [],
  }));
  const outputs = [unet.graph.outputs[0]!.name];
  return open(device, unet, weights, model, inputs, outputs);
}

/**
 * A session of exactly the nodes that a step needs. What the step hands on in place of a computed value is fed as it
 * lies on the device; its values do not matter for the time. A main input that is handed on is computed beside.
 * @throws {PhaseskipError} If the session cannot be made.
 */
export async function liveSession(
  device: Device,
  unet: Unet,
  weights: Weights,
  live: LiveGraph,
): Promise<RawSession> {
  const segment = liveSegment(unet, live);
  return open(
    device,
    unet,
    weights,
    segmentModel(unet, segment, !device.hasHalf),
    segment.inputs,
    segment.outputs,
  );
}

function liveSegment(
  { graph, dependencies, units }: Unet,
  live: LiveGraph,
): Segment {
  // a node of constants alone is in no live graph, and needed wherever it is read
  const isNeeded = [...live.isLive];
  for (const node of [...graph.nodes].reverse()) {
    if (!isNeeded[node.index]) continue;
    for (const value of [...node.inputs, ...node.captured]) {
      const producer = graph.producers.get(value);
      if (
        producer &&
        dependencies.nodes[producer.index] === 0 &&
        !dependencies.isFolded[producer.index]
      )
        isNeeded[producer.index] = true;
    }
  }
  const nodes = graph.nodes.filter(
    ({ index }) => isNeeded[index] && !dependencies.isFolded[index],
  );
  const held = [...live.ports.values()].filter(
    ({ state }) => !isComputed(state),
  );
  const made = new Set(nodes.flatMap(({ outputs }) => outputs));
  const mains = [...live.ports.values()].flatMap((port) => {
    const main = units.units.get(port.unit)?.mainInput?.value;
    return main !== undefined && readsMainInput(port) && made.has(main)
      ? [main]
      : [];
  });
  const inputs = new Map<string, SegmentInput>();
  const weights = new Set<string>();
  const folded = new Set<string>();
  for (const node of nodes) {
    const reads = [
      ...node.inputs.entries(),
      ...node.captured.map((value) => [-1, value] as const),
    ];
    for (const [slot, value] of reads) {
      if (value === "") continue;
      const producer = graph.producers.get(value);
      if (graph.weights.has(value)) weights.add(value);
      else if (producer && dependencies.isFolded[producer.index])
        folded.add(value);
      else {
        // the outermost unit that hands on something else decides
        const between = units.unitsBetween(value, node, slot);
        const port = held
          .filter((one) => one.value === value && between.includes(one.unit))
          .sort((a, b) => between.indexOf(b.unit) - between.indexOf(a.unit))[0];
        if (port)
          inputs.set(`${value}@${port.unit}`, {
            name: `${value}@${port.unit}`,
            value,
            units: [port.unit],
          });
        else if (!producer)
          inputs.set(value, { name: value, value, units: [] });
      }
    }
  }
  return {
    key: "live",
    kind: "step",
    nodes,
    inputs: [...inputs.values()],
    folded: [...folded],
    outputs: [...new Set([graph.outputs[0]!.name, ...mains])],
    weights: [...weights],
    attention: [],
  };
}

async function open(
  device: Device,
  unet: Unet,
  weights: Weights,
  model: SegmentModel,
  inputs: readonly SegmentInput[],
  outputs: readonly string[],
): Promise<RawSession> {
  const session = await device.createSession(
    model.bytes,
    await weights.external(model),
  );
  const [output] = outputs as [string];
  const info = (value: string) => unet.shapes.get(value)!;
  const fed = inputs.filter(({ value }) =>
    ["sample", "timestep", "encoder_hidden_states"].includes(value),
  );
  const held: Record<string, DeviceTensor> = {};
  for (const { name, value } of inputs) {
    if (fed.some((input) => input.name === name)) continue;
    const { type, dims } = info(value);
    held[name] = device.tensor(
      type,
      dims,
      new Float32Array(elementCount(dims)).fill(0.1),
    );
  }
  for (const value of model.fed) {
    const { type, dims, data } = info(value);
    held[value] = device.tensor(type, dims, data!);
  }
  return {
    async run({ sample, timestep, text }) {
      const feeds: Record<string, DeviceTensor> = {};
      for (const { name, value } of fed) {
        const { type, dims } = info(value);
        const steps = new Array<number>(elementCount(dims)).fill(timestep);
        const isFloat =
          type !== ElementType.INT64 && type !== ElementType.INT32;
        const data =
          value === "sample" ? sample : value === "timestep" ? steps : text!;
        feeds[name] = device.tensor(
          type,
          dims,
          isFloat ? Float32Array.from(data) : steps,
        );
      }
      const made = await session.run({ ...held, ...feeds }, outputs);
      const result = await device.read(made[output]!);
      for (const tensor of [...Object.values(feeds), ...Object.values(made)])
        tensor.dispose();
      return result;
    },
    async release() {
      for (const tensor of Object.values(held)) tensor.dispose();
      await session.release();
    },
  };
}
