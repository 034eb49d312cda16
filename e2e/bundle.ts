// What an entry weighs in an app: bundled and minified by esbuild, then gzip; and what it is made of.
import { gzipSync } from "node:zlib";
import { relative } from "node:path";
import { build, type BuildOptions } from "esbuild";

/** An app's bundle of one entry. */
export interface Bundle {
  /** Size after gzip at level 9, in bytes. */
  readonly gzipBytes: number;
  /** The files it holds code of, from the repository's root, and the imports that it leaves. */
  readonly parts: readonly string[];
}

/** Bundles source text as an app would; `external` imports stay imports. */
export async function bundle(
  text: string,
  external: string[] = [],
): Promise<Bundle> {
  const options = {
    stdin: {
      contents: text,
      resolveDir: process.cwd(),
      sourcefile: "entry.js",
    },
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external,
    legalComments: "none",
    metafile: true,
    write: false,
    outdir: "unwritten",
  } as const satisfies BuildOptions;
  const { outputFiles, metafile } = await build(options);
  const output = Object.values(metafile.outputs)[0]!;
  const inside = Object.entries(output.inputs).filter(
    ([, { bytesInOutput }]) => bytesInOutput > 0,
  );
  return {
    gzipBytes: gzipSync(outputFiles[0]!.contents, { level: 9 }).length,
    parts: [
      ...inside.map(([path]) => relative("", path)),
      ...output.imports.map(({ path }) => path),
    ],
  };
}
