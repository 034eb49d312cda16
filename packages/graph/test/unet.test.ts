import { describe, expect, test } from "vitest";
import { ElementType } from "../src/onnx/types.js";
import { analyseUnet } from "../src/unet.js";
import { fixtureGraph, fixtureSize } from "./fixtures.js";
import { graphOf, integers, op, readModel, value } from "./onnx-model.js";

describe("analyseUnet()", () => {
  test("tells what changes with the size from what does not", async () => {
    const graph = await fixtureGraph("tiny-text-ts");
    const unet = analyseUnet(graph, fixtureSize("tiny-text-ts", graph));
    const { outputs } = unet.units.units.get("down_blocks.1.attentions.0")!;
    expect(unet.shapes.get(outputs[0]!)!.dims).toEqual([1, 8, 8, 8]);
    expect(unet.fixedDims(outputs[0]!)).toEqual([
      undefined,
      8,
      undefined,
      undefined,
    ]);
    const folded = graph.nodes.filter(
      ({ index }) => unet.dependencies.isFolded[index],
    );
    const changing = folded.filter(({ outputs: [made] }) =>
      unet.isSizeDependent(made!),
    );
    expect(changing.length).toBeGreaterThan(10);
    expect(changing.length).toBeLessThan(folded.length);
  });

  test("takes a graph that declares open sizes and holds fixed ones", async () => {
    const sample = value("sample", ["n", 2, "h", "w"]);
    const graph = await readModel(
      graphOf(
        [
          op("Relu", ["sample"], ["a"], {}, "/conv_in/Relu"),
          op("Reshape", ["a", "tokens"], ["b"], {}, "/mid_block/Reshape"),
          op("Reshape", ["b", "pixels"], ["out"], {}, "/conv_out/Reshape"),
        ],
        [sample, value("timestep", [1], ElementType.INT64)],
        [value("out", ["n", 2, "h", "w"])],
        [integers("tokens", [1, 2, 16]), integers("pixels", [1, 2, 4, 4])],
      ),
    );
    const unet = analyseUnet(graph, { batch: 1, height: 4, width: 4 });
    expect(unet.fixedDims("b")).toEqual([1, 2, 16]);
    expect(unet.fixedDims("sample")).toEqual([1, 2, 4, 4]);
    expect(() => analyseUnet(graph, { batch: 2, height: 4, width: 4 })).toThrow(
      expect.objectContaining({
        code: "model-invalid",
        message: expect.stringContaining("cannot become [1,2,16]") as string,
      }),
    );
  });
});
