import { expect, test } from "vitest";
import {
  isStrong,
  sameVersion,
  versionOf,
} from "../../src/download/file-version.js";

const DATE = "Wed, 21 Oct 2015 07:28:00 GMT";
const version = (headers: Record<string, string>) =>
  versionOf(new Response(null, { headers })) ?? "none";

test("versionOf() takes the ETag before date and size, and knows when there is neither", () => {
  expect(version({ etag: '"1"', "last-modified": DATE })).toBe('"1"');
  expect(version({ "last-modified": DATE })).toContain(DATE);
  expect(version({ "content-length": "10" })).toBe("none");
});

test("sameVersion() compares date and size, the size only where both know it", () => {
  const sized = version({ "last-modified": DATE, "content-length": "10" });
  const other = version({ "last-modified": DATE, "content-length": "11" });
  const encoded = version({
    "last-modified": DATE,
    "content-length": "5",
    "content-encoding": "gzip",
  });
  const later = version({ "last-modified": DATE.replace("28", "29") });
  expect(sameVersion(sized, sized)).toBe(true);
  expect(sameVersion(sized, other)).toBe(false);
  expect(sameVersion(sized, encoded)).toBe(true);
  expect(sameVersion(encoded, later)).toBe(false);
  expect(sameVersion('"1"', 'W/"1"')).toBe(false);
});

test("isStrong() is true of strong ETags only", () => {
  expect(
    [version({ etag: '"1"' }), 'W/"1"', version({ "last-modified": DATE })].map(
      isStrong,
    ),
  ).toEqual([true, false, false]);
});
