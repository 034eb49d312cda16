"use client";

import { loadPipeline } from "phaseskip";
import { useEffect, useRef, useState } from "react";

/** A picture of a prompt, drawn once the page is there. */
export function Drawing({ prompt }: { prompt: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [status, setStatus] = useState("loading");
  useEffect(() => {
    const controller = new AbortController();
    draw(prompt, canvas.current!, setStatus, controller.signal).catch(
      (error: unknown) => {
        if (!controller.signal.aborted) setStatus(String(error));
      },
    );
    return () => controller.abort();
  }, [prompt]);
  return (
    <figure>
      <canvas
        ref={canvas}
        role="img"
        aria-label={prompt}
        width={32}
        height={32}
      />
      <figcaption role="status">{status}</figcaption>
    </figure>
  );
}

async function draw(
  prompt: string,
  canvas: HTMLCanvasElement,
  say: (status: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const pipeline = await loadPipeline("/models/scenes/", {
    worker: () =>
      new Worker(new URL("./phaseskip.worker.ts", import.meta.url), {
        type: "module",
      }),
    signal,
  });
  try {
    const options = {
      prompt,
      seed: 7,
      plan: "balanced",
      signal,
    };
    const { images, report } = await pipeline.generate(options);
    const { data, width, height } = images[0]!;
    Object.assign(canvas, { width, height });
    canvas
      .getContext("2d")!
      .putImageData(new ImageData(data, width, height), 0, 0);
    say(`${Math.round(100 * report.macsSaved)} % of the work left out`);
  } finally {
    pipeline.dispose();
  }
}
