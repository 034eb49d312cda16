// Puts the widget where its script tag stands. The frame is of this script's origin.
const script = document.currentScript;
const frame = document.createElement("iframe");
const address = new URL("frame.html", script.src);
for (const name of ["prompt", "seed", "plan", "steps"])
  if (name in script.dataset)
    address.searchParams.set(name, script.dataset[name]);
frame.src = address.href;
frame.title = script.dataset.prompt ?? "A drawn picture";
frame.loading = "lazy";
frame.width = frame.height = script.dataset.size ?? "256";
frame.style.border = "0";
script.after(frame);
