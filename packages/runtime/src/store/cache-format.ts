// How the cache in IndexedDB is laid out, so that two versions of this package can share an origin: the older one
// leaves a layout that it does not know alone.

import { PhaseskipError } from "@phaseskip/graph";
import { promisifyRequest, type UseStore } from "idb-keyval";

/** The layout that is read and written here; a cache that names none has it. */
const FORMAT = 1;
/**
 * Where a cache names its layout, a whole number. What an older version would misread takes the next number; the
 * database's own version stays as it is, as a tab that has it open would hold up a change.
 */
const KEY = ["format"];

/**
 * A store that is of this layout. It is asked within each transaction, as a newer version may come in another tab.
 * Transactions reject with a `quota` error in a store of another layout.
 */
export function ofThisFormat(objects: UseStore): UseStore {
  return (mode, callback) =>
    objects(mode, async (store) => {
      const found = ((await promisifyRequest(store.get(KEY))) ??
        FORMAT) as unknown;
      if (found !== FORMAT) {
        throw new PhaseskipError(
          "quota",
          `Cannot use this origin's cache of models as its format must be ${FORMAT}, and another version of phaseskip, maybe in another tab, made it ${String(found)}: update phaseskip here, or clear the site's data`,
        );
      }
      return callback(store);
    });
}
