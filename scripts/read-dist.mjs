// PHASESKIP_BUILT=1: tests test what was built. Their own imports of ../src/x.ts then read ../dist/x.js.

/** Whether tests are to test what was built. */
export const isBuilt = process.env.PHASESKIP_BUILT === "1";

/** A file's code; of a test's, with its imports of sources led to what was built of them, where that is wanted. */
export function readDist(code, file) {
  return isBuilt && /\/packages\/[^/]+\/test\//.test(file)
    ? code.replace(
        /(["'])((?:\.\.\/)+)src\/([^"']+)\.[jt]s\1/g,
        "$1$2dist/$3.js$1",
      )
    : code;
}
