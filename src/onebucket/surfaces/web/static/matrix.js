// The matrix: what is chosen is kept while other parts of it are shown, and keys lead from cell to cell.
import { draw } from "./finder.js";

const cells = (form) => [...form.querySelectorAll("td select")];
const before = (name) => name.slice(name.lastIndexOf(":") + 1);

export function keep(form) {
  const chosen = new Map();
  const path = new URL(form.action).pathname;
  const elsewhere = form.querySelector("[data-elsewhere]");
  form.querySelectorAll("[data-scripted]").forEach((each) => (each.hidden = false));

  const note = (cell) => {
    if (cell.value === before(cell.name)) chosen.delete(cell.name);
    else chosen.set(cell.name, cell.value);
    cell.classList.toggle("chosen", chosen.has(cell.name));
  };
  const tell = () => {
    const shown = new Set(cells(form).map((cell) => cell.name));
    const away = [...chosen].filter(([name]) => !shown.has(name));
    elsewhere.replaceChildren(
      ...away.map(([name, value]) => Object.assign(document.createElement("input"), { type: "hidden", name, value })),
      chosen.size ? `${chosen.size} chosen${away.length ? `, ${away.length} of them not shown here` : ""}.` : "",
    );
    form.action = path + location.search;
  };

  form.addEventListener("change", (event) => {
    if (event.target.closest("td")) note(event.target);
    tell();
  });
  form.addEventListener("drawn", () => {
    for (const cell of cells(form)) {
      if (chosen.has(cell.name)) cell.value = chosen.get(cell.name);
      note(cell);
    }
    tell();
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
    const row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + step[0]];
    row?.cells[cell.cellIndex + step[1]]?.querySelector("select")?.focus();
  });
  cells(form).forEach(note);
  tell();
}
