// ONNX Runtime's native build is for Node; elsewhere there is none.

throw new Error("onnxruntime-node runs in Node alone");
