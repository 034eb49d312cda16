// What a person has who copies an example: its folder alone, and our packages as npm would send them.
import { execFile } from "node:child_process";
import { cp, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Packs every package into a folder; gives the tarballs' paths. */
export async function packPackages(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const names = await readdir("packages");
  const workspaces = names.flatMap((name) => ["-w", `packages/${name}`]);
  const where = ["--pack-destination", folder];
  await npm(["pack", "--ignore-scripts", ...where, ...workspaces], ".");
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith(".tgz"))
    .map((file) => join(folder, file));
}

/** Copies an example's folder: what is in the repository, not what a build left there. */
export async function copyExample(name: string, to: string): Promise<void> {
  await cp(`examples/${name}`, to, {
    recursive: true,
    filter: (path) => !/\/(node_modules|dist|out|\.next)$/.test(path),
  });
}

/** Makes an app as `npm create phaseskip` does, by its tarball. */
export async function createPacked(
  template: string,
  folder: string,
  tarballs: readonly string[],
): Promise<void> {
  const creator = `${folder}-creator`;
  await mkdir(creator);
  await installPacked(creator, tarballs);
  await npm(
    ["exec", "--", "create-phaseskip", folder, "--template", template],
    creator,
  );
}

/** Installs the tarballs, and from the registry what an example asks for beside them. */
export async function installPacked(
  folder: string,
  tarballs: readonly string[],
): Promise<void> {
  const quick = ["--prefer-offline", "--no-audit", "--no-fund"];
  await npm(["install", ...quick, ...tarballs], folder);
}

/** Lays the prebuilt folder of phaseskip's tarball into a folder; needs no registry. */
export async function unpackPrebuilt(
  tarballs: readonly string[],
  to: string,
): Promise<void> {
  const tarball = tarballs.find((path) => /\/phaseskip-\d[^/]*$/.test(path))!;
  await mkdir(to, { recursive: true });
  const inside = ["--strip-components=3", "package/dist/prebuilt"];
  await run("tar", ["-xzf", tarball, "-C", to, ...inside]);
}

/** Replaces a text in the files of a copied example, as its README says to. */
export async function replaceIn(
  folder: string,
  files: readonly string[],
  text: string,
  by: string,
): Promise<void> {
  for (const file of files) {
    const path = join(folder, file);
    const before = await readFile(path, "utf8");
    if (!before.includes(text))
      throw new Error(`Cannot find ${text} in ${path}`);
    await writeFile(path, before.replaceAll(text, by));
  }
}

/**
 * Runs npm, one line of a failure's output in its error.
 * @throws {Error} If npm ends with another code than 0
 */
export async function npm(args: readonly string[], cwd: string): Promise<void> {
  // the variables by which npm tells its scripts of this workspace would reach the example's npm, too
  const env = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)),
    ),
    NEXT_TELEMETRY_DISABLED: "1",
  };
  await run("npm", [...args], { cwd, env, maxBuffer: 64 << 20 }).catch(
    (cause: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(
        `npm ${args[0]} ${args[1]} failed in ${cwd}: ${cause.stderr}${cause.stdout}`,
        { cause },
      );
    },
  );
}
