// Makes this global's IndexedDB refuse as a private window's does: it is there, and opens nothing.
IDBFactory.prototype.open = () => {
  throw new DOMException("The operation is insecure.", "SecurityError");
};
