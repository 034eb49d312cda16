/** Whether tests are to test what was built. */
export const isBuilt: boolean;
/** A file's code; of a test's, with its imports of sources led to what was built of them, where that is wanted. */
export function readDist(code: string, file: string): string;
