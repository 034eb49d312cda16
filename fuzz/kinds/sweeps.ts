// A sweep's files, to the numbers of its report and to a search's predictor.

import { readFile } from "node:fs/promises";
import {
  parseJournal,
  parseManifest,
  parseRows,
  reportData,
  type SweepResults,
} from "@phaseskip/ablation";
import type { Kind } from "../kind.js";
import { mutateJson } from "../mutate-json.js";

const rowFiles = ["cells", "responses", "floor", "emergence"] as const;

/** manifest.json, the .jsonl files, and the journal. */
export const sweepKind: Kind = {
  name: "sweeps",
  share: 10,
  open: async () => {
    const folder = new URL("../../docs/study/scenes-removal/", import.meta.url);
    const read = (name: string) => readFile(new URL(name, folder), "utf8");
    const manifest = JSON.parse(await read("manifest.json")) as {
      measured: unknown[];
    };
    manifest.measured = manifest.measured.slice(0, 4);
    const rows = await Promise.all(
      rowFiles.map(async (name) =>
        (await read(`${name}.jsonl`)).trim().split("\n").slice(0, 4),
      ),
    );
    return (random) => {
      const changed = random.below(5);
      const text =
        changed === 4 ? mutateJson(manifest, random) : JSON.stringify(manifest);
      const line = random.below(3);
      const texts = rows.map((lines, file) => {
        const mutated = (text: string) =>
          mutateJson(JSON.parse(text) as object, random);
        return lines
          .map((text, at) =>
            file === changed && at === line % lines.length
              ? mutated(text)
              : text,
          )
          .join("\n");
      });
      const journal = texts[0]!
        .split("\n")
        .map((row) => `{"row":${row},"calls":1,"milliseconds":2}\n`)
        .join("");
      if (random.chance(0.1))
        return () => parseJournal(journal, "journal.jsonl");
      return () => {
        const [cells, responses, floors, emergence] = texts.map((lines, i) =>
          parseRows(lines, `${rowFiles[i]}.jsonl`),
        );
        const results = {
          manifest: parseManifest(text, "manifest.json"),
          cells,
          responses,
          floors,
          emergence,
          converged: [],
        };
        reportData(results as unknown as SweepResults);
      };
    };
  },
};
