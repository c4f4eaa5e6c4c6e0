// The privilege matrix: keep choices while other pages of it are shown; move between cells with the keyboard.
import { draw } from "./finder.js";

const cells = (form) => [...form.querySelectorAll("td select")];
// A field's name ends in the value the cell had when the page was made.
const before = (name) => name.slice(name.lastIndexOf(":") + 1);

export function keep(form) {
  const chosen = new Map();
  const path = new URL(form.action).pathname;
  const elsewhere = form.querySelector("[data-elsewhere]");
  form.querySelectorAll("[data-scripted]").forEach((element) => (element.hidden = false));

  const note = (cell) => {
    if (cell.value === before(cell.name)) chosen.delete(cell.name);
    else chosen.set(cell.name, cell.value);
    cell.classList.toggle("chosen", chosen.has(cell.name));
  };
  // Send choices for cells on other pages as hidden fields, and show how many there are.
  const update = () => {
    const shown = new Set(cells(form).map((cell) => cell.name));
    const hidden = [...chosen].filter(([name]) => !shown.has(name));
    elsewhere.replaceChildren(
      ...hidden.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })),
      chosen.size ? `${chosen.size} changed${hidden.length ? `, ${hidden.length} of them not shown here` : ""}.` : "",
    );
    form.action = path + location.search;
  };

  form.addEventListener("change", (event) => {
    if (event.target.closest("td")) note(event.target);
    update();
  });
  form.addEventListener("drawn", () => {
    for (const cell of cells(form)) {
      if (chosen.has(cell.name)) cell.value = chosen.get(cell.name);
      note(cell);
    }
    update();
  });
  form.addEventListener("click", (event) => {
    const link = event.target.closest(".pager a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    draw(link.href, form.querySelector("[data-cells]").id);
  });
  form.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], Enter: [event.shiftKey ? -1 : 1, 0] }[event.key];
    if (!cell || !step || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    // Cells without a choice, of whole projects, are skipped.
    const choices = (row) => [...row.querySelectorAll("td select")];
    const row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + step[0]];
    if (row) choices(row)[choices(cell.parentElement).indexOf(event.target) + step[1]]?.focus();
  });
  cells(form).forEach(note);
  update();
}
