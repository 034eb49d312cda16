// ARCHITECTURE.md and CONTRIBUTING.md name files and rooms: each must be there, and each room must be on the map.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const packages = readdirSync("packages").filter((name) =>
  existsSync(`packages/${name}/src`),
);

/** Paths in a page's backticks: `runtime/plan/plan.ts` for a package's source, others from the project's folder. */
const pathsOf = (page) =>
  [...readFileSync(page, "utf8").matchAll(/`([\w-]+)\/([\w./-]*)`/g)].flatMap(
    ([, first, rest]) => {
      if (packages.includes(first)) return [`packages/${first}/src/${rest}`];
      const isMade = /(^|\/)(dist|\.venv)(\/|$)/.test(rest);
      return existsSync(first) && !isMade ? [`${first}/${rest}`] : [];
    },
  );

/** Folders directly in a package's sources. */
const rooms = packages.flatMap((name) =>
  readdirSync(`packages/${name}/src`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `packages/${name}/src/${entry.name}/`),
);

test.each(["ARCHITECTURE.md", "CONTRIBUTING.md"])(
  "every path in %s is there",
  (page) => {
    const paths = pathsOf(page);
    expect(paths.length).toBeGreaterThan(10);
    expect(paths.filter((path) => !existsSync(path))).toEqual([]);
  },
);

test("ARCHITECTURE.md names every room", () => {
  const named = pathsOf("ARCHITECTURE.md");
  expect(rooms.length).toBeGreaterThan(30);
  expect(rooms.filter((room) => !named.includes(room))).toEqual([]);
});

test("no hallway: few files at a root, no crowd in a room", () => {
  const count = (folder) =>
    readdirSync(folder, { withFileTypes: true }).filter((e) => e.isFile())
      .length;
  const roots = packages.map((name) => `packages/${name}/src/`);
  expect(roots.filter((root) => count(root) > 12)).toEqual([]);
  expect(rooms.filter((room) => count(room) > 22)).toEqual([]);
});
