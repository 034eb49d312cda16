// The package graph: who may depend on whom, which rooms of runtime may know which, and which files alone know ONNX
// Runtime and Comlink.
// Reads the packages' sources; prints one line for each break, exit code 1 if there is one.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { basename, dirname, join } from "node:path/posix";
import ts from "typescript";

/** Package → what it may import. `type:` allows types alone. */
export const allowed = {
  scheduler: [],
  metrics: [],
  graph: ["pbf"],
  runtime: [
    "@phaseskip/graph",
    "@phaseskip/scheduler",
    "onnxruntime-web",
    "onnxruntime-node",
    "comlink",
    "idb-keyval",
    "@huggingface/tokenizers",
    "@noble/hashes",
  ],
  react: ["@phaseskip/runtime", "react"],
  unplugin: ["unplugin", "phaseskip"],
  ablation: [
    "@phaseskip/metrics",
    "@phaseskip/scheduler",
    "type:@phaseskip/runtime",
    "@observablehq/plot",
  ],
  cli: ["*"],
  "create-phaseskip": ["@clack/prompts", "commander", "phaseskip"],
  phaseskip: ["@phaseskip/runtime", "@phaseskip/cli"],
};

/** Room of runtime → the rooms that it may know; "." is the files beside the rooms, which may know all. */
export const rooms = {
  plan: [],
  guidance: ["plan"],
  schedule: ["plan", "guidance"],
  plans: ["plan", "schedule"],
  store: [],
  download: ["store"],
  hub: ["store", "download"],
  folder: ["store", "download", "hub", "inputs"],
  text: ["store", "folder"],
  device: [],
  picture: [],
  unet: ["plan", "schedule", "store", "folder", "device"],
  prompt: ["plan", "folder", "text"],
  inputs: ["plan", "schedule", "prompt", "picture"],
  lora: ["folder", "device", "unet"],
  networks: ["folder", "text", "device", "picture", "unet"],
  pipeline: [
    ...["plan", "guidance", "schedule", "folder", "text", "device", "picture"],
    ...["unet", "lora", "prompt", "inputs", "networks"],
  ],
  study: [
    ...["plan", "schedule", "folder", "device", "picture", "unet", "pipeline"],
    ...["hub", "guidance"],
  ],
  wire: [
    ...[".", "store", "download", "folder", "device", "picture", "lora"],
    "hub",
    "pipeline",
  ],
  element: [".", "plan", "download", "picture", "pipeline"],
};

/** Library → the files that may import it, beyond which it stays unknown. */
const keepers = [
  {
    library: /^(onnxruntime-|#ort)/,
    files: /^runtime\/src\/device\/(session|ort\.d)\.ts$/,
  },
  {
    library: /^comlink(\/|$)/,
    files: /^runtime\/src\/wire\/(protocol|client|worker)\.ts$/,
  },
];

/** Files of these names, and all of the command, know Node; everything else also runs in a browser. */
const nodeFiles =
  /^(cli|unplugin|create-phaseskip)\/|(^|\/)(bin|disk-[\w-]+|[\w-]*node[\w-]*)\.ts$/;
const vagueNames = /^(utils?|helpers?|common|misc|shared)\.ts$/;

/** Every module specifier of a source text, with whether only types come from it. */
export function importsOf(text) {
  const found = [];
  const visit = (node) => {
    const add = (specifier, typeOnly) =>
      specifier &&
      ts.isStringLiteral(specifier) &&
      found.push({ specifier: specifier.text, typeOnly });
    if (ts.isImportDeclaration(node))
      add(
        node.moduleSpecifier,
        node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword,
      );
    else if (ts.isExportDeclaration(node))
      add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true);
    else if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword
    )
      add(node.arguments[0], false);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("x.ts", text, ts.ScriptTarget.Latest));
  return found;
}

/** The folder in a package's src that a file lies in; "." is src itself. */
function roomOf(path) {
  const [, , ...parts] = path.split("/");
  return parts.length > 1 ? parts[0] : ".";
}

/** What one file breaks: `path` from packages/ on, `manifest` its package's package.json. */
export function breaksOf(path, text, manifest) {
  const name = path.split("/")[0];
  const breaks = [];
  if (vagueNames.test(basename(path)))
    breaks.push(`${path}: a file is named after what it exports`);
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  for (const { specifier, typeOnly } of importsOf(text)) {
    for (const { library, files } of keepers) {
      if (library.test(specifier) && !files.test(path))
        breaks.push(`${path}: may not import ${specifier}`);
    }
    if (specifier.startsWith(".") && name === "runtime") {
      const [from, to] = [path, join(dirname(path), specifier)].map(roomOf);
      if (from !== "." && !(from in rooms))
        breaks.push(`${path}: ${from}/ is not in the table of rooms`);
      else if (from !== "." && from !== to && !rooms[from].includes(to))
        breaks.push(`${path}: ${from}/ may not know ${specifier}`);
    }
    if (specifier.startsWith(".") || specifier.startsWith("#")) continue;
    if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
      if (!nodeFiles.test(path))
        breaks.push(
          `${path}: imports ${specifier}, but also runs in a browser`,
        );
      continue;
    }
    const library = specifier
      .split("/", specifier.startsWith("@") ? 2 : 1)
      .join("/");
    const list = allowed[name] ?? [];
    if (
      !list.includes("*") &&
      !list.includes(library) &&
      !(typeOnly && list.includes(`type:${library}`))
    ) {
      breaks.push(
        `${path}: ${name} may not import ${library}${typeOnly ? " (types)" : ""}`,
      );
    }
    if (!(library in declared))
      breaks.push(
        `${path}: ${library} is not among the dependencies of ${name}`,
      );
  }
  return breaks;
}

/** What a package's manifest breaks. */
export function manifestBreaks(name, manifest) {
  const list = allowed[name];
  if (!list) return [`${name}: is not in the table of packages`];
  const breaks = [];
  const names = list.map((entry) => entry.replace(/^type:/, ""));
  for (const library of Object.keys(manifest.dependencies ?? {})) {
    if (library === "onnxruntime-node")
      breaks.push(`${name}: onnxruntime-node may be an optional peer only`);
    else if (!names.includes(library) && !names.includes("*"))
      breaks.push(`${name}: may not depend on ${library}`);
  }
  for (const library of Object.keys(manifest.peerDependencies ?? {})) {
    const isOptional = manifest.peerDependenciesMeta?.[library]?.optional;
    const isNative = library === "onnxruntime-node";
    if (!isOptional && (isNative || !names.includes(library)))
      breaks.push(`${name}: the peer ${library} must be optional`);
  }
  const ort = manifest.dependencies?.["onnxruntime-web"];
  if (ort && !/^\d/.test(ort))
    breaks.push(`${name}: onnxruntime-web needs an exact version, has ${ort}`);
  return breaks;
}

function main() {
  const breaks = [];
  let files = 0;
  for (const name of readdirSync("packages")) {
    if (!existsSync(`packages/${name}/package.json`)) continue;
    const manifest = JSON.parse(
      readFileSync(`packages/${name}/package.json`, "utf8"),
    );
    breaks.push(...manifestBreaks(name, manifest));
    for (const file of readdirSync(`packages/${name}/src`, {
      recursive: true,
    })) {
      if (!file.endsWith(".ts")) continue;
      files += 1;
      breaks.push(
        ...breaksOf(
          `${name}/src/${file}`,
          readFileSync(join("packages", name, "src", file), "utf8"),
          manifest,
        ),
      );
    }
  }
  for (const line of breaks) console.error(line);
  console.log(`package graph: ${files} files, ${breaks.length} breaks`);
  process.exitCode = breaks.length ? 1 : 0;
}

if (process.argv[1]?.endsWith("check-packages.mjs")) main();
