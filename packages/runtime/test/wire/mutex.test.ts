import { expect, test } from "vitest";
import { Loss } from "../../src/device/loss.js";
import { Mutex } from "../../src/wire/mutex.js";

test("Mutex runs tasks in their order, one at a time, also after one that fails", async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const task = (name: string) => async () => {
    seen.push(`${name} starts`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    seen.push(`${name} ends`);
    if (name === "a") throw new Error("a fails");
  };
  const failing = mutex.run(task("a"));
  const following = mutex.run(task("b"));
  await expect(failing).rejects.toThrow("a fails");
  await following;
  expect(seen).toEqual(["a starts", "a ends", "b starts", "b ends"]);
});

test("Mutex gives up a turn at once when its signal is aborted, and the turn passes on", async () => {
  const mutex = new Mutex();
  const release = await mutex.acquire();
  const controller = new AbortController();
  let hasStarted = false;
  const givenUp = mutex.run(async () => {
    hasStarted = true;
  }, controller.signal);
  const next = mutex.acquire();
  controller.abort(new Error("no longer"));
  await expect(givenUp).rejects.toThrow("no longer"); // while the first one still holds its turn
  release();
  (await next)();
  expect(hasStarted).toBe(false);
});

test("Loss rejects what is under way and what comes, and leaves alone what has settled", async () => {
  const loss = new Loss();
  await expect(loss.race(Promise.resolve(1))).resolves.toBe(1);
  const open = loss.race(new Promise<never>(() => undefined));
  loss.declare(new Error("gone"));
  loss.declare(new Error("gone again"));
  await expect(open).rejects.toThrow("gone");
  await expect(loss.race(Promise.resolve(2))).rejects.toThrow(/^gone$/);
  expect(loss.error?.message).toBe("gone");
});
