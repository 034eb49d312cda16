import { resolve } from "node:path";

export default {
  entry: "./src/main.js",
  output: { path: resolve("dist"), filename: "main.js", publicPath: "auto" },
  // a model's weights are fetched, not bundled; ONNX Runtime's own files are large, and that is right
  performance: { hints: false },
};
