// A visit to an example: what its page drew, and what it complained of.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Frame } from "playwright";
import { openPipeline } from "../../packages/cli/src/node-pipeline.js";
import { openPage } from "../browser.js";
import { reportPath, type Example } from "./example.js";

/** RGBA levels of a picture, row-major, with its size in pixels. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: readonly number[];
}

/** What was seen of an example. */
export interface Visit {
  readonly picture: Pixels;
  /** Console errors, errors that nothing caught, and violations of a policy wherever they happened. */
  readonly errors: readonly string[];
  /** Paths asked for, of all origins. */
  readonly requested: readonly string[];
}

/** The picture that every example draws, as Node draws it. */
export async function drawExpected(): Promise<Pixels> {
  const pipeline = await openPipeline("models/scenes", { threads: 1 });
  try {
    const { images } = await pipeline.generate({
      prompt: "a red boat on the left on the sea at sunset",
      seed: 7,
      plan: "balanced",
    });
    const { width, height, data } = images[0]!;
    return { width, height, data: [...data] };
  } finally {
    pipeline.dispose();
  }
}

/** The largest difference of two pictures' levels; infinite where their sizes differ. */
export function levelsApart(a: Pixels, b: Pixels): number {
  if (a.width !== b.width || a.height !== b.height) return Infinity;
  return a.data.reduce(
    (most, level, i) => Math.max(most, Math.abs(level - b.data[i]!)),
    0,
  );
}

/**
 * Makes an example of the tarballs in a folder of its own, opens it, and waits for its picture.
 * @throws {Error} If there is none within two minutes, with what the page shows and says
 */
export async function visit(
  example: Example,
  tarballs: readonly string[],
  browser: Browser,
): Promise<Visit> {
  const folder = await mkdtemp(join(tmpdir(), "phaseskip-example-"));
  try {
    const { url, servers } = await example.open(join(folder, "app"), tarballs);
    try {
      const { page, errors } = await openPage(browser, url);
      try {
        await example.act?.(page);
        const picture = await waitForPicture(() => page.frames()).catch(
          (cause: Error) => {
            const asked = servers.map(({ requested }) => requested.join(" "));
            throw new Error([cause.message, ...errors, ...asked].join("; "), {
              cause,
            });
          },
        );
        const requested = servers.flatMap((server) => server.requested);
        const reports = requested.filter((path) => path === reportPath);
        return {
          picture,
          errors: [...errors, ...reports.map(() => "a policy was violated")],
          requested,
        };
      } finally {
        await page.close();
      }
    } finally {
      for (const server of servers) await server.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function waitForPicture(frames: () => Frame[]): Promise<Pixels> {
  const end = Date.now() + 120_000;
  for (;;) {
    const seen = [];
    for (const frame of frames())
      seen.push(await frame.evaluate(look).catch(() => undefined));
    const picture = seen.find((view) => view?.picture)?.picture;
    if (picture) return picture;
    if (Date.now() > end || seen.some((view) => view?.hasFailed)) {
      const text = seen.map((view) => view?.status ?? "nothing").join(", ");
      throw new Error(`Cannot see a picture: the page shows ${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** In the page: the picture, once what is said of it is that it is done. */
function look(): {
  readonly status: string;
  readonly hasFailed?: boolean;
  readonly picture?: Pixels;
} {
  const root =
    document.querySelector("phaseskip-image")?.shadowRoot ?? document;
  const status = root.querySelector("[role=status]")?.textContent ?? "";
  // the playground has one without a plan before it
  const canvas =
    root.querySelector<HTMLCanvasElement>("canvas#skipped") ??
    root.querySelector("canvas");
  if (!canvas || !/is drawn|left out|^Drawn/.test(status))
    return { status, hasFailed: /Cannot|Error/.test(status) };
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d")!.getImageData(0, 0, width, height);
  return { status, picture: { width, height, data: [...data] } };
}
