// Mutations of what calls what: local functions, bodies within bodies, the versions of operators.

import {
  readAttributeProto,
  readFunctionProto,
  readGraphProto,
  readNodeProto,
  readValueInfoProto,
  type NodeProto,
} from "../../packages/graph/src/onnx/onnx_pb.js";
import { clone, create } from "../../packages/graph/src/onnx/wire.js";
import { anyValue, type Mutation } from "./graph-mutation.js";

/** Functions, bodies, opsets. */
export const callMutations: readonly Mutation[] = [
  (graph, random, model) => {
    // nodes become a function, which may then call itself, or another that calls it
    const taken = graph.node.splice(
      random.below(graph.node.length),
      1 + random.below(3),
    );
    const name = `F${random.below(3)}`;
    const input = [...new Set(taken.flatMap((node) => node.input))];
    const output = [...new Set(taken.flatMap((node) => node.output))];
    const node = taken.map((inner) => clone(inner));
    for (let left = random.pick([0, 0, 1, 8]); left > 0; left--)
      node.push(
        create(readNodeProto, {
          op_type: `F${random.below(3)}`,
          domain: "fz",
          input: [...input],
          output: output.map((out) => `${out}_${left}`),
        }),
      );
    model.functions.push(
      create(readFunctionProto, { domain: "fz", name, input, output, node }),
    );
    const call = create(readNodeProto, {
      op_type: name,
      domain: "fz",
      input: [...input],
      output: [...output],
      name: taken[0]?.name ?? "",
    });
    graph.node.push(call);
  },
  (graph, random) => {
    // nodes become the bodies of an If, or of ten in one another
    const at = random.below(graph.node.length);
    let node: NodeProto = graph.node[at]!;
    const condition = anyValue(graph, random);
    const output = [create(readValueInfoProto, { name: node.output[0] ?? "" })];
    for (let left = random.pick([1, 1, 3, 10, 40]); left > 0; left--) {
      const g = create(readGraphProto, { name: "body", node: [node], output });
      const attribute = ["then_branch", "else_branch"].map((name) =>
        create(readAttributeProto, {
          name,
          type: 5,
          g:
            left > 4 && name === "else_branch"
              ? create(readGraphProto, { output })
              : g,
        }),
      );
      node = create(readNodeProto, {
        op_type: random.pick(["If", "If", "Loop"]),
        input: [condition],
        output: [node.output[0] ?? ""],
        attribute,
        name: node.name,
      });
    }
    graph.node[at] = node;
  },
  (graph, random, model) => {
    const f = random.pick([...model.functions, create(readFunctionProto, {})]);
    const other = random.pick([
      ...model.functions,
      create(readFunctionProto, {}),
    ]);
    f.node.push(
      create(readNodeProto, {
        op_type: other.name,
        domain: other.domain,
        input: [...f.input],
        output: [`${random.below(99)}`],
      }),
    );
  },
  (graph, random, model) => {
    // a node's value goes through functions that call the next several times each
    const node = random.pick(graph.node);
    const [made] = node.output;
    if (made === undefined) return;
    const [depth, times] = random.pick([
      [3, 2],
      [12, 2],
      [40, 2],
      [5, 10],
      [99, 1],
      [101, 1],
    ] as const);
    const step = (op_type: string, from: string, to: string, domain = "fz") =>
      create(readNodeProto, { op_type, domain, input: [from], output: [to] });
    for (let level = 0; level < depth; level++) {
      const inner = Array.from({ length: times }, (_, i) => {
        const [from, to] = [
          i ? `t${i}` : "x",
          i + 1 < times ? `t${i + 1}` : "y",
        ];
        return level === 0
          ? step("Relu", from, to, "")
          : step(`Many${level - 1}`, from, to);
      });
      model.functions.push(
        create(readFunctionProto, {
          domain: "fz",
          name: `Many${level}`,
          input: ["x"],
          output: ["y"],
          node: inner,
        }),
      );
    }
    node.output[0] = `${made}_before`;
    graph.node.push(step(`Many${depth - 1}`, `${made}_before`, made));
  },
  (_, random, model) => {
    for (const opset of model.opset_import)
      if (random.chance(0.5))
        opset.version = random.pick([0, 1, 8, 9, 17, 25, 26, 2 ** 40, -1]);
  },
];
