import type { Picture } from "phaseskip";
import { type FormEvent, useEffect, useRef, useState } from "react";
import { usePipeline } from "./use-pipeline.js";

const model = "/models/scenes/";

export function App() {
  const state = usePipeline(model);
  const [picture, setPicture] = useState<Picture>();
  const [message, setMessage] = useState("");
  const running = useRef<AbortController>(undefined);

  async function draw(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (state.status !== "ready") return;
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    const prompt = String(new FormData(event.currentTarget).get("prompt"));
    try {
      const { images, report } = await state.pipeline.generate({
        prompt,
        seed: 7,
        plan: "balanced",
        signal: controller.signal,
        onStep: ({ stepIndex, stepCount }) =>
          setMessage(`step ${stepIndex + 1} of ${stepCount}`),
      });
      setPicture(images[0]);
      setMessage(
        `${Math.round(100 * report.macsSaved)} % of the work left out`,
      );
    } catch (error) {
      if (!controller.signal.aborted) setMessage(String(error));
    }
  }

  return (
    <main>
      <form onSubmit={(event) => void draw(event)}>
        <label>
          Prompt{" "}
          <input
            name="prompt"
            defaultValue="a red boat on the left on the sea at sunset"
            size={48}
          />
        </label>{" "}
        <button disabled={state.status !== "ready"}>Draw</button>
      </form>
      <p role="status">
        {state.status === "loading" &&
          `loading, ${Math.round(100 * state.part)} %`}
        {state.status === "failed" && String(state.error)}
        {state.status === "ready" && (message || "ready")}
      </p>
      {picture && <Canvas picture={picture} />}
    </main>
  );
}

function Canvas({ picture }: { picture: Picture }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const { data, width, height } = picture;
    canvas.current
      ?.getContext("2d")
      ?.putImageData(new ImageData(data, width, height), 0, 0);
  }, [picture]);
  return (
    <canvas
      ref={canvas}
      width={picture.width}
      height={picture.height}
      role="img"
      aria-label="The picture"
      style={{ width: 256, imageRendering: "pixelated" }}
    />
  );
}
