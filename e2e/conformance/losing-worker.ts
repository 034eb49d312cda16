// The prebuilt worker on a GPU device that is lost when the page says so.
import "./lose-device.js";
import "phaseskip/worker";
