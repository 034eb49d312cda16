// The cache's database beside others who want it: none is held up, and none holds it up for ever.
import "fake-indexeddb/auto";
import { get, set } from "idb-keyval";
import { afterEach, expect, test, vi } from "vitest";
import { openObjects } from "../../src/store/open-objects.js";

afterEach(() => vi.useRealTimers());

/** What a deletion of a database ends with. */
const deletion = (name: string) =>
  new Promise<string>((resolve) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve("deleted");
    request.onblocked = () => resolve("held up");
  });

test("whoever deletes the database is not held up, and the next transaction finds it empty", async () => {
  const objects = openObjects("deleted", "files");
  await set("a", 1, objects);
  const [ended, written] = await Promise.all([
    deletion("deleted"),
    set("b", 2, objects).then(() => get<number>("b", objects)),
  ]);
  expect(ended).toBe("deleted");
  expect(written).toBe(2);
  expect(await get("a", objects)).toBeUndefined();
});

test("a database that another tab holds up is quota in time, and opens when that tab lets go", async () => {
  const holder = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open("held");
    request.onsuccess = () => resolve(request.result);
  });
  expect(await deletion("held")).toBe("held up");
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const objects = openObjects("held", "files");
  const writing = expect(set("a", 1, objects)).rejects.toMatchObject({
    code: "quota",
    message: expect.stringContaining("close other tabs of this site") as string,
  });
  await vi.advanceTimersByTimeAsync(8_000);
  await writing;
  vi.useRealTimers();
  holder.close();
  await set("a", 1, objects);
  expect(await get("a", objects)).toBe(1);
});
