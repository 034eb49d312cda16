// Makes this global's IndexedDB refuse every record after the first few, as a browser does that takes its room back.
const { put } = IDBObjectStore.prototype;
let left = 4;
IDBObjectStore.prototype.put = function (...given) {
  left -= 1;
  if (left >= 0) return put.apply(this, given);
  throw new DOMException("The quota has been exceeded.", "QuotaExceededError");
};
