// Names of models on a hub, and how they differ from paths.

/**
 * Whether a location is the name of a model on a hub, `org/name`. A path of two parts begins with `./` or `/`, or ends in
 * `/` or `.onnx`.
 */
export function isModelName(location: string | URL): location is string {
  return /^(?!.*\.onnx$)\w[\w.-]*\/\w[\w.-]*$/i.test(String(location));
}
