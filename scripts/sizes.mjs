// What would be published, by `npm pack --dry-run`: files and bytes of each package, beside those that sizes.json keeps of
// the last release. A package that grows past its cap fails. --save keeps the present ones.
//   node scripts/sizes.mjs [--save]
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";

const keptFile = "scripts/sizes.json";
/** Growth beyond the last release that needs a person: a share of it. */
const ALLOWED = 0.1;

const names = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/package.json`),
);
const workspaces = names.flatMap((name) => ["-w", `packages/${name}`]);
const args = ["pack", "--dry-run", "--json", "--ignore-scripts", ...workspaces];
const packed = JSON.parse(
  execFileSync("npm", args, { encoding: "utf8", maxBuffer: 1 << 28 }),
);
const now = Object.fromEntries(
  packed.map(({ name, size, unpackedSize, entryCount }) => [
    name,
    { packed: size, unpacked: unpackedSize, files: entryCount },
  ]),
);
const kept = existsSync(keptFile)
  ? JSON.parse(readFileSync(keptFile, "utf8"))
  : {};

const kilobytes = (bytes) =>
  bytes === undefined ? "–" : `${(bytes / 1000).toFixed(1)} kB`;
const change = (to, from) =>
  from === undefined
    ? "new"
    : `${to < from ? "−" : "+"}${Math.abs((100 * (to - from)) / from).toFixed(1)} %`;

const rows = Object.entries(now).map(([name, size]) => {
  const old = kept[name] ?? {};
  return [
    ...[name, kilobytes(old.packed), kilobytes(size.packed)],
    ...[change(size.packed, old.packed), kilobytes(size.unpacked)],
    ...[old.files ?? "–", size.files],
  ];
});
const titles = [
  ...["package", "packed before", "packed", "change", "unpacked"],
  ...["files before", "files"],
];
const line = (cells) => `| ${cells.join(" | ")} |`;
console.log(line(titles));
console.log(line(titles.map((_, i) => (i === 0 ? "---" : "---:"))));
for (const row of rows) console.log(line(row));

if (process.argv.includes("--save"))
  writeFileSync(keptFile, `${JSON.stringify(now, undefined, 2)}\n`);
else {
  const grown = Object.entries(now).filter(
    ([name, { packed }]) => packed > (1 + ALLOWED) * (kept[name]?.packed ?? 0),
  );
  for (const [name] of grown)
    console.error(
      `${name} is more than ${100 * ALLOWED} % larger than ${keptFile} says: make it smaller, or keep its size by --save`,
    );
  process.exitCode = grown.length > 0 ? 1 : 0;
}
