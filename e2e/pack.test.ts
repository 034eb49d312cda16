// What a web app gets that installs phaseskip: the tarballs as npm would publish them.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Manifest {
  readonly name: string;
  /** Entry points by subpath: paths by condition, or a pattern of paths. */
  readonly exports: Readonly<
    Record<string, string | Readonly<Record<string, string>>>
  >;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<
    Record<string, { readonly optional?: boolean }>
  >;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

const names = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/package.json`),
);
const tarballs = JSON.parse(
  execFileSync(
    "npm",
    [
      "pack",
      "--dry-run",
      "--json",
      "--ignore-scripts",
      ...names.flatMap((name) => ["-w", `packages/${name}`]),
    ],
    {
      encoding: "utf8",
      maxBuffer: 64 << 20,
      stdio: ["ignore", "pipe", "ignore"],
    },
  ),
) as { name: string; files: { path: string }[] }[];

const manifestOf = (name: string) =>
  JSON.parse(
    readFileSync(`node_modules/${name}/package.json`, "utf8"),
  ) as Manifest;

/** All that npm installs with a package: dependencies and peers that are not optional, all the way down. */
function installed(name: string, seen = new Set<string>()): Set<string> {
  if (seen.has(name)) return seen;
  seen.add(name);
  const {
    dependencies,
    optionalDependencies,
    peerDependencies,
    peerDependenciesMeta,
  } = manifestOf(name);
  const peers = Object.keys(peerDependencies ?? {}).filter(
    (peer) => !peerDependenciesMeta?.[peer]?.optional,
  );
  for (const next of [
    ...Object.keys({ ...dependencies, ...optionalDependencies }),
    ...peers,
  ])
    installed(next, seen);
  return seen;
}

test("installing phaseskip brings no native binaries and runs no install script", () => {
  const all = [...installed("phaseskip")];
  expect(all).toContain("onnxruntime-web");
  expect(all).not.toContain("onnxruntime-node");
  const scripts = all.filter((name) =>
    ["preinstall", "install", "postinstall"].some(
      (step) => manifestOf(name).scripts?.[step],
    ),
  );
  expect(scripts.filter((name) => name !== "protobufjs")).toEqual([]); // its script only compares versions
});

test.each(
  tarballs.map(
    ({ name, files }) => [name, files.map(({ path }) => path)] as const,
  ),
)(
  "the tarball of %s holds its entries, and no binary, test or tool",
  (name, files) => {
    const paths = Object.values(manifestOf(name).exports).flatMap((entry) =>
      typeof entry === "string" ? [] : Object.values(entry),
    );
    expect(files).toEqual(
      expect.arrayContaining(paths.map((path) => path.replace("./", ""))),
    );
    expect(
      files.filter((path) =>
        /\.(node|so|dll|dylib|exe)$|(^|\/)test\//.test(path),
      ),
    ).toEqual([]);
  },
);

test("the prebuilt folder is in phaseskip's tarball, whole", () => {
  const files = tarballs
    .find(({ name }) => name === "phaseskip")
    ?.files.map(({ path }) => path.replace("dist/prebuilt/", ""));
  expect(files).toEqual(
    expect.arrayContaining([
      "phaseskip.js",
      "phaseskip.worker.js",
      expect.stringMatching(/^phaseskip\.core-[\w-]+\.js$/),
      expect.stringMatching(/^phaseskip\.create-tokenizer-[\w-]+\.js$/),
      "ort.wasm.bundle.min.mjs",
      "ort-wasm-simd-threaded.wasm",
      "ort.webgpu.bundle.min.mjs",
      "ort-wasm-simd-threaded.asyncify.wasm",
    ]),
  );
});
