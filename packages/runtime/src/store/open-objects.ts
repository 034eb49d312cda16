// The database of the cache, opened when it is first asked for, and let go of when somebody wants it gone: a connection
// that stays holds up whoever deletes the database, and behind that everybody who opens it.

import { PhaseskipError } from "@phaseskip/graph";
import { promisifyRequest, type UseStore } from "idb-keyval";
import { inTime } from "./in-time.js";

/** How long a database may take to open, in ms: behind a tab that holds it up, it never does. */
const OPEN_MS = 8_000;

/**
 * Runs transactions in one object store of a database.
 * Transactions reject with a `quota` error where the database does not open in time.
 */
export function openObjects(name: string, objects: string): UseStore {
  let opened: Promise<IDBDatabase> | undefined;
  const forget = () => (opened = undefined);
  const open = async () => {
    const request = indexedDB.open(name);
    request.onupgradeneeded = () => request.result.createObjectStore(objects);
    const database = await promisifyRequest(request);
    database.onclose = forget; // Safari closes some of its own accord
    database.onversionchange = () => {
      forget();
      database.close(); // once its transactions have ended
    };
    return database;
  };
  const database = async () => {
    const opening = (opened ??= open());
    try {
      return await inTime(opening, OPEN_MS, silent);
    } catch (error) {
      if (opened === opening) forget();
      throw error;
    }
  };
  return async (mode, callback) => {
    const transaction = (await database()).transaction(objects, mode);
    return callback(transaction.objectStore(objects));
  };
}

function silent(): PhaseskipError {
  return new PhaseskipError(
    "quota",
    `Cannot open this origin's cache of models within ${OPEN_MS / 1000} s: close other tabs of this site, which may hold it up`,
  );
}
