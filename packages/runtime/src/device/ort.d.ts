// ONNX Runtime's own declarations name its entries as ambient modules, which an import map cannot reach.
export * from "onnxruntime-web";
