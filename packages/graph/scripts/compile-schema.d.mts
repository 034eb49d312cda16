/** The texts of onnx_pb.js and onnx_pb.d.ts. */
export declare function compiledSchema(): {
  readonly code: string;
  readonly types: string;
};
