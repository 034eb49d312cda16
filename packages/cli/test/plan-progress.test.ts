import { expect, test } from "vitest";
import { pictureProgress } from "../src/planning/plan-progress.js";

const minute = 60_000;

test("pictureProgress() counts a search against its budget and each rival and test by itself, and times neither what was there nor what came before", () => {
  const lines: string[] = [];
  let time = 0;
  const { begin, full, picture } = pictureProgress(
    {
      show: (label, done, total, note) =>
        lines.push(`${label} ${done}/${total} ${note}`),
      clear: () => undefined,
    },
    { evaluations: 10, perTest: 3 },
    () => time,
  );
  const draw = (split: "search" | "validation" | "test", minutes: number) => {
    time += minutes * minute;
    picture(split, minutes === 0);
  };
  draw("search", 0);
  draw("search", 5);
  draw("search", 1);
  draw("validation", 3);
  time += minute;
  full(1, 2);
  time += minute;
  full(2, 2);
  draw("test", 7);
  draw("test", 1);
  draw("test", 1);
  draw("test", 0);
  draw("test", 4);
  draw("test", 2);
  begin("DeepCache");
  draw("search", 2);
  draw("search", 2);
  expect(lines).toEqual([
    "pictures 1/10 ",
    "pictures 2/10 ",
    "pictures 3/10 at most 7 min left",
    "pictures 4/10 at most 12 min left",
    "full model 1/2 ",
    "full model 2/2 0 min left",
    "test 1 1/3 ",
    "test 1 2/3 1 min left",
    "test 1 3/3 0 min left",
    "test 2 1/3 ",
    "test 2 2/3 ",
    "test 2 3/3 0 min left",
    "DeepCache 1/10 ",
    "DeepCache 2/10 at most 16 min left",
  ]);
});
