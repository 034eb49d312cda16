// The prebuilt worker in a browser without Web Locks.
import "./remove-locks.js";
import "phaseskip/worker";
