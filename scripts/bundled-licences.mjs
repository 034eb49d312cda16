// Rollup plugin: LICENSES.txt beside the bundles names every package whose code is in them, with its licence's text. One
// plugin serves all bundles of a folder; the last one to be written names the packages of all.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

/** @param {string[]} copied folders of packages whose files are laid beside the bundles as they are */
export function bundledLicences(copied = []) {
  const folders = new Set(copied);
  return {
    name: "bundled-licences",
    generateBundle(_, bundle) {
      for (const { modules } of Object.values(bundle))
        for (const id of Object.keys(modules ?? {}))
          if (id.includes("/node_modules/")) folders.add(packageOf(id));
      const texts = [...folders].map(licenceOf).sort();
      this.emitFile({
        type: "asset",
        fileName: "LICENSES.txt",
        source: `${texts.join(`\n${"-".repeat(78)}\n\n`)}`,
      });
    },
  };
}

/** The nearest folder above a file whose package.json has a name. */
function packageOf(file) {
  let folder = dirname(file.replace(/^\0|\?.*$/g, ""));
  while (!manifestOf(folder).name) folder = dirname(folder);
  return folder;
}

function manifestOf(folder) {
  const path = join(folder, "package.json");
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
}

function licenceOf(folder) {
  const { name, version, license, repository } = manifestOf(folder);
  const file = readdirSync(folder).find((entry) =>
    /^licen[cs]e(\.|$)/i.test(entry),
  );
  const source =
    typeof repository === "string" ? repository : (repository?.url ?? "");
  const text = file
    ? readFileSync(join(folder, file), "utf8").trim()
    : `Its package holds no text of the licence; it lies with its source: ${source}`;
  return `${name} ${version}, ${license}\n\n${text}\n`;
}
