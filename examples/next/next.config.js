/** A static site: the pictures are drawn on the visitor's device, no server is needed. */
export default { output: "export" };
