// The prebuilt worker in a browser that takes back the room it gave, in the middle of a load.
import "./keeps-only.js";
import "phaseskip/worker";
