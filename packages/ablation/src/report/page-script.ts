// What the page does: a press on a cell, or Enter, shows what is behind it.

/** The page's script; it needs nothing but the page. */
export const pageScript = `
const { cells, pictures, pairs } = JSON.parse(document.getElementById("data").textContent);
const dialog = document.getElementById("cell");
function show(name) {
  document.getElementById("cell-title").textContent = cells[name];
  const drawn = (pictures.cells[name] ?? []).map((source, i) => {
    const figure = document.createElement("figure");
    const two = document.createElement("div");
    two.className = "two";
    for (const [src, alt] of [[pictures.reference[i], "whole"], [source, "changed"]]) {
      const image = new Image();
      Object.assign(image, { src, alt });
      two.append(image);
    }
    const caption = document.createElement("figcaption");
    caption.textContent = "whole | changed: " + pairs[i];
    figure.append(two, caption);
    return figure;
  });
  document.getElementById("cell-pictures").replaceChildren(
    ...(drawn.length ? drawn : ["No pictures were kept of this cell."]),
  );
  dialog.showModal();
}
const nameOf = (target) => {
  const name = target.closest?.("[data-cell]")?.dataset.cell ?? target.closest?.("[aria-label]")?.getAttribute("aria-label");
  return name in cells ? name : undefined;
};
for (const mark of document.querySelectorAll("svg [aria-label]"))
  if (mark.getAttribute("aria-label") in cells) mark.setAttribute("tabindex", "0");
document.addEventListener("click", (event) => {
  const name = nameOf(event.target);
  if (name) show(name);
});
document.addEventListener("keydown", (event) => {
  const name = event.key === "Enter" && nameOf(event.target);
  if (name) show(name);
});
`;
