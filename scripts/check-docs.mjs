// Every export of every entry point, and every member of an exported interface or class, has a doc
// comment; every entry point carries an @example, and the examples compile against dist. Reads the
// emitted declarations, so it runs after the build; prints one line for each break.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { relative, resolve } from "node:path";
import ts from "typescript";

/** The entry points of a package: subpath → declaration file. */
function entriesOf(folder) {
  const { exports = {} } = JSON.parse(
    readFileSync(`${folder}/package.json`, "utf8"),
  );
  return Object.entries(exports)
    .filter(([, conditions]) => conditions.types)
    .map(([subpath, conditions]) => ({
      subpath,
      file: resolve(folder, conditions.types),
    }));
}

/** What one entry point lacks, and the examples it carries. */
export function readEntry(program, file) {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const missing = [];
  const examples = [];
  const module = source && checker.getSymbolAtLocation(source);
  const leading = source
    ? (ts.getLeadingCommentRanges(source.text, 0) ?? [])
    : [];
  for (const { pos, end } of leading) {
    const comment = source.text
      .slice(pos, end)
      .replace(/^[ \t]*\*(?!\/) ?/gm, "");
    if (comment.includes("@example"))
      examples.push(...fences(comment.slice(comment.indexOf("@example"))));
  }
  for (const exported of module ? checker.getExportsOfModule(module) : []) {
    const symbol =
      exported.flags & ts.SymbolFlags.Alias
        ? checker.getAliasedSymbol(exported)
        : exported;
    for (const tag of symbol.getJsDocTags(checker)) {
      if (tag.name === "example")
        examples.push(...fences(ts.displayPartsToString(tag.text)));
    }
    if (!isDocumented(symbol, checker)) missing.push(exported.name);
    for (const member of membersOf(symbol)) {
      if (!isDocumented(member, checker))
        missing.push(`${exported.name}.${member.name}`);
    }
  }
  return { missing, examples: [...new Set(examples)] };
}

function isDocumented(symbol, checker) {
  return (
    ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim() !==
    ""
  );
}

/** The public members that an interface, a class or an alias of an object type itself declares. */
function membersOf(symbol) {
  const members = [];
  for (const declaration of symbol.declarations ?? []) {
    const body =
      ts.isTypeAliasDeclaration(declaration) &&
      ts.isTypeLiteralNode(declaration.type)
        ? declaration.type
        : declaration;
    if (
      !ts.isInterfaceDeclaration(body) &&
      !ts.isClassDeclaration(body) &&
      !ts.isTypeLiteralNode(body)
    )
      continue;
    for (const member of body.members) {
      const hidden =
        ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Private;
      if (!member.name || ts.isPrivateIdentifier(member.name) || hidden)
        continue;
      if (member.symbol && !members.includes(member.symbol))
        members.push(member.symbol);
    }
  }
  return members;
}

function fences(text) {
  return [...text.matchAll(/```(?:ts|typescript)\n([\s\S]*?)```/g)].map(
    ([, code]) => code,
  );
}

const options = {
  target: ts.ScriptTarget.ES2022,
  lib: [
    "lib.es2023.d.ts",
    "lib.dom.d.ts",
    "lib.dom.iterable.d.ts",
    "lib.dom.asynciterable.d.ts",
  ],
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
};

function main() {
  const breaks = [];
  const packages = readdirSync("packages").filter((name) =>
    existsSync(`packages/${name}/src`),
  );
  const entries = packages.flatMap((name) =>
    entriesOf(`packages/${name}`).map((entry) => ({ name, ...entry })),
  );
  const program = ts.createProgram(
    entries.map(({ file }) => file),
    options,
  );
  rmSync("build/examples", { recursive: true, force: true });
  mkdirSync("build/examples", { recursive: true });
  const written = new Map();
  const named = new Set();
  for (const { name, subpath, file } of entries) {
    const entry = `${name}${subpath.slice(1)}`;
    if (!existsSync(file)) {
      breaks.push(`${entry}: ${relative("", file)} is not built`);
      continue;
    }
    const { missing, examples } = readEntry(program, file);
    for (const what of missing) {
      if (!named.has(what)) breaks.push(`${entry}: ${what} has no doc comment`);
      named.add(what); // entries that hand on another's exports name them once
    }
    if (examples.length === 0 && subpath !== "./internals") {
      breaks.push(`${entry}: carries no @example`);
    }
    for (const [index, code] of examples.entries()) {
      const path = resolve(
        `build/examples/${entry.replace("/", "-")}-${index}.ts`,
      );
      writeFileSync(path, `${code}\nexport {};\n`);
      written.set(path, entry);
    }
  }
  const compiled = ts.createProgram([...written.keys()], options);
  for (const diagnostic of ts.getPreEmitDiagnostics(compiled)) {
    const line =
      diagnostic.file?.text.split("\n")[
        diagnostic.file.getLineAndCharacterOfPosition(diagnostic.start).line
      ];
    const message = ts.flattenDiagnosticMessageText(
      diagnostic.messageText,
      " ",
    );
    breaks.push(
      `${written.get(resolve(diagnostic.file?.fileName ?? "")) ?? "examples"}: @example: ${message}: ${line?.trim()}`,
    );
  }
  for (const line of breaks) console.error(line);
  console.log(
    `doc comments: ${entries.length} entry points, ${written.size} examples, ${breaks.length} breaks`,
  );
  process.exitCode = breaks.length ? 1 : 0;
}

if (process.argv[1]?.endsWith("check-docs.mjs")) main();
