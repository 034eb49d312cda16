// The prebuilt worker in a browser that refuses IndexedDB, as some private windows do.
import "./refuse-indexeddb.js";
import "phaseskip/worker";
