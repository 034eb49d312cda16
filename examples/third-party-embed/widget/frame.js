// What the iframe shows: the picture that its address asks for.
import "./phaseskip/phaseskip.element.js";

const asked = new URLSearchParams(location.search);
const image = document.createElement("phaseskip-image");
const attributes = {
  model: "models/scenes/",
  "worker-src": "phaseskip/phaseskip.worker.js",
  prompt: asked.get("prompt") ?? "a penguin on snow",
  seed: asked.get("seed") ?? "0",
  plan: asked.get("plan") ?? "balanced",
  steps: asked.get("steps") ?? "50",
};
for (const [name, value] of Object.entries(attributes))
  image.setAttribute(name, value);
document.body.append(image);
