// Which module of the Unet a node came from, read off the names that exporters leave.

import { PhaseskipError } from "../errors.js";
import type { NodeProto } from "../onnx/onnx_pb.js";

/** Modules within one another that are followed; a diffusers Unet has about ten. */
export const deepestModule = 64;

/** What is an operator's name is no module. */
const operatorLike = /^[A-Z][A-Za-z0-9]*(_\d+)?$/;

const dynamoScopes = "pkg.torch.onnx.name_scopes";

/**
 * The module paths around a node, outermost first, such as
 * `["down_blocks.1", "down_blocks.1.resnets.0", "down_blocks.1.resnets.0.conv1"]`.
 *
 * TorchScript exports name their nodes `/down_blocks.1/resnets.0/conv1/Conv`; dynamo exports keep the
 * list in the node's metadata. `[""]` for a node that is named and lies in no module, as those of a wrapper's own
 * arithmetic; empty for one that has lost its name.
 *
 * @throws {PhaseskipError} `model-invalid` if it names more than `deepestModule` of them
 */
export function nodeScopes(node: NodeProto): string[] {
  const dynamo = node.metadata_props.find(
    (entry) => entry.key === dynamoScopes,
  );
  if (dynamo) {
    const paths = pythonStrings(dynamo.value).slice(0, -1);
    const modules = checkDepth(paths.filter((scope) => scope !== ""));
    if (modules.length === 0 && paths.length > 0) return [""];
    return modules.flatMap((path) => withoutSlices(path) ?? []);
  }
  if (/^\/[A-Z]\w*$/.test(node.name)) return [""];
  const elements = checkDepth(node.name.split("/").slice(1, -1));
  // optimizers call what they fuse after the nodes that it was, as in `/conv_act/Mul/QuickGeluFusion/`
  while (operatorLike.test(elements.at(-1) ?? "")) elements.pop();
  return modulePaths(elements);
}

/**
 * Paths of modules from their names, outermost first. What a `Sequential` holds is named with it by TorchScript, as in
 * `/input_blocks.1/input_blocks.1.0/in_layers/in_layers.0`.
 */
function modulePaths(names: readonly string[]): string[] {
  const paths: string[] = [];
  for (const [i, name] of names.entries()) {
    const before = names[i - 1];
    const isRepeated = before !== undefined && name.startsWith(`${before}.`);
    const own = isRepeated ? name.slice(before.length + 1) : name;
    paths.push(i === 0 ? own : `${paths[i - 1]!}.${own}`);
  }
  return paths;
}

const slice = /\.slice\([^()]*\)/g;

/**
 * A path without the slices of a `Sequential` that it goes through: `layers[1:]` is a new one for dynamo,
 * `layers.slice(1, None, None)`, whose members keep their names. Undefined for a slice itself, which is no module.
 */
function withoutSlices(path: string): string | undefined {
  return path.endsWith(")") ? undefined : path.replaceAll(slice, "");
}

function checkDepth(modules: string[]): string[] {
  if (modules.length <= deepestModule) return modules;
  throw new PhaseskipError(
    "model-invalid",
    `Cannot use the model as its modules must lie at most ${deepestModule} deep in one another: a node names ${modules.length}`,
  );
}

/** The strings of a Python list as `repr` writes it, up to one that does not end. */
function pythonStrings(list: string): string[] {
  // sticky, so that no character is looked at twice
  const parts = list.matchAll(
    /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|[^'"]+/gsy,
  );
  return [...parts].flatMap((match) => match[1] ?? match[2] ?? []);
}

/** Module names that a Unet has at its top: diffusers' and those of ADM, which Latent Diffusion and others kept. */
const landmarks =
  /(^|\.)(conv_in|down_blocks\.\d+|mid_block|up_blocks\.\d+|conv_out|input_blocks\.\d+|middle_block|output_blocks\.\d+)$/;

/** Whether a path ends in a module that a Unet has at its top. */
export function isLandmark(path: string): boolean {
  return landmarks.test(path);
}

/**
 * The prefix that a wrapper around the Unet puts before every module path, with its trailing dot; ""
 * where there is none; undefined where no path looks like a Unet's.
 */
export function wrapperPrefix(scopes: Iterable<string>): string | undefined {
  const votes = new Map<string, number>();
  for (const scope of scopes) {
    const match = landmarks.exec(scope);
    if (!match) continue;
    const prefix = scope.slice(0, match.index + match[1]!.length);
    votes.set(prefix, (votes.get(prefix) ?? 0) + 1);
  }
  return [...votes].sort((a, b) => b[1] - a[1])[0]?.[0];
}
