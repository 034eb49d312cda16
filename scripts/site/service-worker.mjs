// The site without a network: once a visitor was here, pages come from what their browser keeps, until a new version of
// the site has come in whole. A model is not among the files: the SDK keeps it by itself.
/* global FILES, GPU_FILES */
import { cleanupOutdatedCaches, precacheAndRoute } from "workbox-precaching";

const files = [...FILES, ...(self.navigator.gpu ? GPU_FILES : [])];
// a link's settings are in its hash; what a host appends to an address names no other page
precacheAndRoute(files, { ignoreURLParametersMatching: [/./] });
cleanupOutdatedCaches();
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) =>
  event.waitUntil(self.clients.claim()),
);
