// The prebuilt worker, which ends itself when it is told to: as a browser ends one that takes too much.
import "phaseskip/worker";

addEventListener("message", ({ data }) => {
  if (data === "die") close();
  if (data === "throw") throw new Error("thrown in the worker");
});
