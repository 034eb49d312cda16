import { expect, test } from "vitest";
import { pictureProgress } from "../src/plan-progress.js";

const minute = 60_000;

test("pictureProgress() counts a search against its budget and each rival and test by itself, and does not time what was there", () => {
  const lines: string[] = [];
  let time = 0;
  const { begin, picture } = pictureProgress(
    {
      show: (label, done, total, note) =>
        lines.push(`${label} ${done}/${total} ${note}`),
      clear: () => undefined,
    },
    { evaluations: 10, perTest: 2 },
    () => time,
  );
  const draw = (split: "search" | "validation" | "test", minutes: number) => {
    time += minutes * minute;
    picture(split, minutes === 0);
  };
  draw("search", 0);
  draw("search", 1);
  draw("validation", 3);
  draw("test", 1);
  draw("test", 1);
  draw("test", 0);
  draw("test", 4);
  begin("DeepCache");
  draw("search", 2);
  expect(lines).toEqual([
    "pictures 1/10 ",
    "pictures 2/10 at most 8 min left",
    "pictures 3/10 at most 14 min left",
    "test 1 1/2 1 min left",
    "test 1 2/2 0 min left",
    "test 2 1/2 ",
    "test 2 2/2 0 min left",
    "DeepCache 1/10 at most 18 min left",
  ]);
});
