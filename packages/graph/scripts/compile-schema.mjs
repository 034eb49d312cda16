// src/onnx/onnx.proto → onnx_pb.js, by pbf, and onnx_pb.d.ts, which pbf does not write.
// `npm run schema -w packages/graph` writes both beside the schema.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { compileRaw } from "pbf/compile";
import resolve from "resolve-protobuf-schema";

const folder = new URL("../src/onnx/", import.meta.url);

/** pbf leaves out floats that are falsy, among them NaN and -0, which are no defaults. */
const writesFloats = /if \(obj\.(\w+)\) pbf\.writeFloatField/g;

const scalars = {
  string: "string",
  bytes: "Uint8Array",
  float: "number",
  double: "number",
  int32: "number",
  // a number where that is exact, see wire.ts
  int64: "number | bigint",
  uint64: "number | bigint",
};

/** Names as pbf makes them: a nested type's starts with those around it. Enums stand for numbers. */
function typeNames(parent, prefix = "") {
  const names = {};
  for (const { name } of parent.enums ?? []) names[name] = "number";
  for (const message of parent.messages) {
    names[message.name] = prefix + message.name;
    Object.assign(names, typeNames(message, prefix + message.name));
  }
  return names;
}

function fieldType({ name, type, repeated }, names) {
  const element = scalars[type] ?? names[type];
  if (!element) throw new Error(`Cannot type ${name}, a ${type}`);
  if (repeated)
    return element.includes("|") ? `(${element})[]` : `${element}[]`;
  return /^(number|string)/.test(element) ? element : `${element} | undefined`;
}

function declarations(parent, names, prefix = "") {
  const enums = (parent.enums ?? []).flatMap(({ name, values }) => [
    `/** ONNX's \`${prefix}.${name}\`: numbers by name. */`,
    `export declare const ${prefix}${name}: {`,
    ...Object.entries(values).map(
      ([key, { value }]) => `  readonly ${key}: ${value};`,
    ),
    "};",
  ]);
  const messages = parent.messages.flatMap((message) => {
    const name = prefix + message.name;
    return [
      `/** ONNX's \`${name}\`. */`,
      `export interface ${name} {`,
      ...message.fields.map(
        (field) => `  ${field.name}: ${fieldType(field, names)};`,
      ),
      "}",
      "/** Reads a message that ends before `end`. */",
      `export declare function read${name}(pbf: PbfReader, end?: number): ${name};`,
      "/** Writes a message's fields. */",
      `export declare function write${name}(obj: ${name}, pbf: PbfWriter): void;`,
      ...declarations(message, names, name),
    ];
  });
  return [...enums, ...messages];
}

/** The texts of onnx_pb.js and onnx_pb.d.ts. */
export function compiledSchema() {
  const schema = resolve.sync(fileURLToPath(new URL("onnx.proto", folder)));
  const types = [
    "// Made from onnx.proto by scripts/compile-schema.mjs.",
    'import type { PbfReader, PbfWriter } from "pbf";',
    ...declarations(schema, typeNames(schema)),
  ];
  const code = compileRaw(schema).replace(
    writesFloats,
    "if (!Object.is(obj.$1, 0)) pbf.writeFloatField",
  );
  return { code, types: `${types.join("\n")}\n` };
}

if (process.argv[1]?.endsWith("compile-schema.mjs")) {
  const { code, types } = compiledSchema();
  writeFileSync(new URL("onnx_pb.js", folder), code);
  writeFileSync(new URL("onnx_pb.d.ts", folder), types);
}
