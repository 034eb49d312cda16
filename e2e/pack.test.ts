// What a web app gets that installs phaseskip: the tarballs as npm would publish them.
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
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
) as {
  name: string;
  /** Bytes of the tarball. */
  size: number;
  entryCount: number;
  files: { path: string; size: number }[];
}[];

/** What a tarball may hold: ONNX Runtime's two builds are 10 MB of phaseskip's. */
const caps: Record<string, { readonly bytes: number; readonly files: number }> =
  {
    phaseskip: { bytes: 12_000_000, files: 120 },
    "@phaseskip/runtime": { bytes: 1_000_000, files: 1_500 },
    "create-phaseskip": { bytes: 16_000_000, files: 100 },
  };
const cap = { bytes: 400_000, files: 400 };

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

test.each(tarballs.map((tarball) => [tarball.name, tarball] as const))(
  "the tarball of %s is what was built: nothing runs when it is packed, and no built file is left out",
  (name, { files }) => {
    const { scripts = {} } = manifestOf(name);
    const steps = Object.keys(scripts).filter((step) =>
      /^(pre|post)?(pack|prepare|publish|install)$|^prepublishOnly$/.test(step),
    );
    expect(steps).toEqual([]);
    const folder = `packages/${name.replace("@phaseskip/", "")}`;
    const built = readdirSync(`${folder}/dist`, {
      recursive: true,
      encoding: "utf8",
    })
      .map((path) => `dist/${path}`)
      .filter((path) => statSync(`${folder}/${path}`).isFile());
    expect(built.length).toBeGreaterThan(0);
    const packed = new Map(files.map(({ path, size }) => [path, size]));
    for (const path of built)
      expect([path, packed.get(path)]).toEqual([
        path,
        statSync(`${folder}/${path}`).size,
      ]);
  },
);

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

test.each(tarballs.map((tarball) => [tarball.name, tarball] as const))(
  "the tarball of %s is small, and holds its licence",
  (name, { size, entryCount, files }) => {
    const { bytes, files: most } = caps[name] ?? cap;
    expect(size).toBeLessThanOrEqual(bytes);
    expect(entryCount).toBeLessThanOrEqual(most);
    expect(files.map(({ path }) => path)).toContain("LICENSE");
    const folder = name.replace("@phaseskip/", "");
    expect(readFileSync(`packages/${folder}/LICENSE`, "utf8")).toBe(
      readFileSync("LICENSE", "utf8"),
    );
  },
);

test.each([
  [
    "prebuilt/LICENSES.txt",
    [
      "onnxruntime-web",
      "comlink",
      "idb-keyval",
      "pbf",
      "@huggingface/tokenizers",
    ],
  ],
  ["playground/LICENSES.md", ["codemirror", "@codemirror/view", "comlink"]],
])("%s names the licences of all that lies beside it", (file, packages) => {
  const tarball = tarballs.find(({ name }) => name === "phaseskip")!;
  const paths = tarball.files.map(({ path }) => path);
  expect(paths).toContain(`dist/${file}`);
  const text = readFileSync(`packages/phaseskip/dist/${file}`, "utf8");
  for (const name of packages) expect(text).toContain(name);
});

test("the lockfile has a digest for each package, and none from elsewhere than the registry", () => {
  interface Locked {
    readonly resolved?: string;
    readonly integrity?: string;
    readonly link?: boolean;
  }
  const { packages } = JSON.parse(
    readFileSync("package-lock.json", "utf8"),
  ) as {
    packages: Record<string, Locked>;
  };
  const foreign = Object.entries(packages).filter(
    ([path, { link, integrity, resolved }]) =>
      path.startsWith("node_modules/") &&
      (link
        ? !resolved?.startsWith("packages/")
        : !integrity?.startsWith("sha512-") ||
          /^(git|file|http:)/.test(resolved ?? "")),
  );
  expect(foreign.map(([path]) => path)).toEqual([]);
});
