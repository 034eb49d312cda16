import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Dependency } from "../src/dependencies.js";
import type { LiveGraph, Port, PortState } from "../src/cut/live.js";
import { liveGraph, portKey } from "../src/cut/live.js";
import type { Partition, Segment } from "../src/cut/partition.js";
import { partition } from "../src/cut/partition.js";
import type { Unet } from "../src/unet.js";
import { fixtureUnet, unetFixtures } from "./fixtures.js";

const whole = (unet: Unet) => liveGraph(unet, new Set(), () => "fresh");

/** A live graph in which the listed units are reused or zeroed. */
function acting(
  unet: Unet,
  actions: Readonly<Record<string, PortState>>,
): LiveGraph {
  return liveGraph(
    unet,
    new Set(Object.keys(actions)),
    ({ unit }) => actions[unit] ?? "fresh",
  );
}

/** Nodes of a segment that are its own: constants are in every segment that needs them. */
const ownNodes = (unet: Unet, { nodes }: Segment) =>
  nodes.filter(({ index }) => unet.dependencies.nodes[index] !== 0);

const held = (unet: Unet, segment: Segment) =>
  segment.weights.reduce(
    (sum, name) => sum + unet.graph.weights.get(name)!.byteLength,
    0,
  );

/** Everything that must hold of a partition. */
function checkPartition(
  unet: Unet,
  signatures: readonly LiveGraph[],
  { segments }: Partition,
): void {
  const { graph, dependencies } = unet;
  const needed = graph.nodes.filter(
    ({ index }) =>
      dependencies.nodes[index] !== Dependency.nothing &&
      !dependencies.isFolded[index] &&
      signatures.some(({ isLive }) => isLive[index]),
  );
  // every node in exactly one segment
  const own = segments.map((segment) => ownNodes(unet, segment));
  expect(
    own
      .flat()
      .map((node) => node.index)
      .sort((a, b) => a - b),
  ).toEqual(needed.map((node) => node.index));
  // each signature runs a segment whole or not at all
  segments.forEach(({ kind }, i) => {
    const runs = own[i]!.map(({ index }) =>
      signatures.map(({ isLive }) => isLive[index]).join(),
    );
    if (kind === "step") expect(new Set(runs).size).toBe(1);
    const bits = new Set(own[i]!.map(({ index }) => dependencies.nodes[index]));
    if (kind === "text") expect([...bits]).toEqual([Dependency.text]);
    if (kind === "timestep") expect([...bits]).toEqual([Dependency.timestep]);
  });
  // what a segment reads was made by an earlier one, or comes from outside
  const made = new Set(graph.inputs.map((input) => input.name));
  for (const segment of segments) {
    const inside = new Set(segment.nodes.flatMap((node) => node.outputs));
    for (const { value, units } of segment.inputs) {
      const isSubstituted = signatures.some(({ ports }) =>
        units.some(
          (unit) => ports.get(portKey({ unit, value }))?.state !== "fresh",
        ),
      );
      if (!made.has(value)) expect(isSubstituted, value).toBe(true);
      if (units.length === 0) expect(inside.has(value)).toBe(false);
    }
    for (const output of segment.outputs) {
      expect(inside).toContain(output);
      made.add(output);
    }
  }
  // weights are held once, unless the graph shares them
  const holders = new Map<string, number>();
  for (const name of segments.flatMap((segment) => segment.weights)) {
    holders.set(name, (holders.get(name) ?? 0) + 1);
  }
  for (const [name, count] of holders) {
    if (count > 1) expect(graph.consumers.get(name)!.length).toBeGreaterThan(1);
  }
}

describe("partition() of a plan that does nothing", () => {
  test.each(unetFixtures)(
    "cuts %s into one main segment, at most one of the text and one of the timestep",
    async (name) => {
      const unet = await fixtureUnet(name);
      const live = whole(unet);
      const { segments } = partition(unet, [live]);
      checkPartition(unet, [live], { segments });
      const kinds = segments.map((segment) => segment.kind).sort();
      const hasText = unet.graph.inputs.length > 2;
      expect(kinds).toEqual(
        hasText ? ["step", "text", "timestep"] : ["step", "timestep"],
      );
      const weights = segments.reduce((sum, s) => sum + held(unet, s), 0);
      const all = [...unet.graph.weights.values()].reduce(
        (sum, weight) => sum + weight.byteLength,
        0,
      );
      // constants that shapes are made of stay behind
      expect(weights / all).toBeGreaterThan(0.9);
      expect(weights / all).toBeLessThanOrEqual(1.001);
    },
  );
});

test("partition() puts what depends on the size embedding alone beside the text", async () => {
  const unet = await fixtureUnet("tiny-sdxl-ts");
  const { segments } = partition(unet, [whole(unet)]);
  const text = segments.find(({ kind }) => kind === "text")!;
  expect(text.inputs.map(({ value }) => value).sort()).toEqual([
    "encoder_hidden_states",
    "text_embeds",
    "time_ids",
  ]);
  const modules = text.nodes.map(({ scopes }) => scopes.at(-1));
  expect(modules).toContain("add_embedding.linear_2");
});

describe("partition() of several live graphs", () => {
  const patterns = (unet: Unet) => {
    const paths = [...unet.units.units.keys()];
    const states = fc.dictionary(
      fc.constantFrom(...paths),
      fc.constantFrom<PortState>("fresh", "cache", "zero"),
      { maxKeys: 6 },
    );
    return fc.array(states, { minLength: 1, maxLength: 4 });
  };

  test.each(["tiny-text-ts", "tiny-ddpm-dynamo-static", "tiny-sd-dynamo"])(
    "keeps every promise on random ones of %s, the same each time",
    async (name) => {
      const unet = await fixtureUnet(name);
      fc.assert(
        fc.property(
          patterns(unet),
          fc.constantFrom(Infinity, 20_000, 4_000),
          (runs, limit) => {
            const signatures = runs.map((run) => acting(unet, run));
            const result = partition(unet, signatures, limit);
            checkPartition(unet, signatures, result);
            const again = partition(unet, signatures, limit);
            expect(again.segments.map((segment) => segment.key)).toEqual(
              result.segments.map((segment) => segment.key),
            );
          },
        ),
        { seed: 3, numRuns: 25 },
      );
    },
  );

  test("cuts a reused block off, and leaves the rest in as few segments as the graph allows", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const reuse = acting(unet, { "up_blocks.1": "cache" });
    const { segments } = partition(unet, [whole(unet), reuse]);
    const steps = segments.filter((segment) => segment.kind === "step");
    // what up_blocks.2 needs from below; what only up_blocks.1 needs; up_blocks.2 itself
    expect(steps).toHaveLength(3);
    const input = steps.at(-1)!.inputs.find(({ units }) => units.length > 0)!;
    expect(input).toMatchObject({
      units: ["up_blocks.1"],
      name: `${input.value}@up_blocks.1`,
    });
    expect(unet.units.units.get("up_blocks.1")!.outputs).toEqual([input.value]);
  });

  test("keeps the keys of segments that two partitions share, and no others", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const first = acting(unet, { "up_blocks.1": "cache" });
    const second = acting(unet, { mid_block: "cache" });
    const keys = (...signatures: LiveGraph[]) =>
      partition(unet, signatures).segments.map((segment) => segment.key);
    const a = keys(whole(unet), first);
    const b = keys(whole(unet), second);
    expect(a.filter((key) => b.includes(key))).toHaveLength(2); // text and timestep
    expect(keys(first, whole(unet)).toSorted()).toEqual(a.toSorted());
  });

  test("gives a unit that is zeroed everywhere no segment", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const { segments } = partition(unet, [acting(unet, { mid_block: "zero" })]);
    const inside = new Set(unet.units.units.get("mid_block")!.nodes);
    expect(
      segments.some(({ nodes }) => nodes.some((node) => inside.has(node))),
    ).toBe(false);
  });
});

describe("partition() with maxSegmentBytes", () => {
  test.each([40_000, 12_000])(
    "splits into segments of at most %i bytes of weights",
    async (limit) => {
      const unet = await fixtureUnet("tiny-text-ts");
      const live = whole(unet);
      const result = partition(unet, [live], limit);
      checkPartition(unet, [live], result);
      const steps = result.segments.filter(({ kind }) => kind === "step");
      const sizes = steps.map((segment) => held(unet, segment));
      expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
      const total = sizes.reduce((a, b) => a + b);
      expect(steps.length).toBeGreaterThan(total / limit);
      expect(steps.length).toBeLessThan((2 * total) / limit + 2);
    },
  );

  test("gives a node that is larger a segment of its own", async () => {
    const unet = await fixtureUnet("tiny-ddpm-dynamo-static");
    const live = whole(unet);
    const result = partition(unet, [live], 1);
    checkPartition(unet, [live], result);
    const steps = result.segments.filter(({ kind }) => kind === "step");
    const { consumers, weights } = unet.graph;
    const ofItsOwn = (value: string) =>
      weights.has(value) && consumers.get(value)!.length === 1;
    for (const segment of steps) {
      const heavy = segment.nodes.filter(({ inputs }) => inputs.some(ofItsOwn));
      expect(heavy.length).toBeLessThanOrEqual(1);
    }
  });
});

describe("liveGraph()", () => {
  test("asks once for each port that is reached, outer units before those inside", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const asked: string[] = [];
    const acted = new Set(["mid_block", "mid_block.resnets.1", "conv_out"]);
    liveGraph(unet, acted, (port: Port) => {
      asked.push(port.unit);
      return "fresh";
    });
    expect(asked).toEqual(["conv_out", "mid_block", "mid_block.resnets.1"]);
  });

  test("hides what is inside a reused unit", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const acted = {
      mid_block: "cache",
      "mid_block.resnets.1": "zero",
    } as const;
    const { ports, isLive } = acting(unet, acted);
    expect([...ports.values()].map(({ unit }) => unit)).toEqual(["mid_block"]);
    for (const { index } of unet.units.units.get("mid_block")!.nodes) {
      expect(isLive[index]).toBe(false);
    }
  });

  test("leaves the encoder out where all skips and the mid block are reused", async () => {
    const unet = await fixtureUnet("tiny-text-ts");
    const skips = [...unet.units.units.values()].filter(({ skip }) => skip);
    const reused = ["mid_block", ...skips.map(({ path }) => path)];
    const { isLive } = acting(
      unet,
      Object.fromEntries(reused.map((path) => [path, "cache" as const])),
    );
    const live = new Set(
      unet.graph.nodes
        .filter(({ index }) => isLive[index])
        .map(({ index }) => unet.units.unitOf[index]!.split(".")[0]),
    );
    expect(live).not.toContain("down_blocks");
    expect(live).not.toContain("conv_in");
    expect(live).toContain("up_blocks");
  });
});
