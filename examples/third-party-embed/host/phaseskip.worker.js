import "https://widget.example/phaseskip/phaseskip.worker.js";
