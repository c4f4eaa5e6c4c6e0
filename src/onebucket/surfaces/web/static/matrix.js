// The privilege matrix: keep choices while other pages of it are shown; choose and move by keyboard or mouse.
import { draw } from "./finder.js";

const cells = (form) => [...form.querySelectorAll("td input")];
const LETTERS = { default: "", none: "N", read: "R", write: "W", admin: "A" };
const KEYS = { n: "N", r: "R", w: "W", a: "A", d: "", "(": "", Delete: "", Backspace: "" };
const ROUND = ["", "R", "W", "A", "N"];
// A field's name ends in the value the cell had when the page was made.
const before = (name) => LETTERS[name.slice(name.lastIndexOf(":") + 1)];

export function keep(form) {
  const chosen = new Map();
  const path = new URL(form.action).pathname;
  const elsewhere = form.querySelector("[data-elsewhere]");
  form.querySelectorAll("[data-scripted]").forEach((element) => (element.hidden = false));

  const note = (cell) => {
    const value = cell.value.trim().toUpperCase();
    if (value === before(cell.name)) chosen.delete(cell.name);
    else chosen.set(cell.name, value);
    cell.classList.toggle("chosen", chosen.has(cell.name));
    // The style sheet goes by the attribute.
    cell.setAttribute("value", value);
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
  const choose = (cell, value) => {
    cell.value = value;
    note(cell);
    update();
    cell.select();
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
  // The first click only moves to a cell, so that nothing is chosen by accident.
  let focused = null;
  form.addEventListener("mousedown", () => (focused = document.activeElement));
  form.addEventListener("click", (event) => {
    const cell = event.target.closest("td input");
    if (cell && cell === focused) choose(cell, ROUND[(ROUND.indexOf(cell.value.toUpperCase()) + 1) % ROUND.length]);
    const link = event.target.closest(".pager a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    draw(link.href, form.querySelector("[data-cells]").id);
  });
  form.addEventListener("keydown", (event) => {
    const cell = event.target.closest("td");
    if (!cell || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in KEYS) {
      event.preventDefault();
      choose(event.target, KEYS[event.key]);
      return;
    }
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Enter: [event.shiftKey ? -1 : 1, 0] }[event.key];
    if (!step) return;
    event.preventDefault();
    // Cells without a choice, of whole projects, are skipped.
    const choices = (row) => [...row.querySelectorAll("td input")];
    const row = cell.parentElement.parentElement.rows[cell.parentElement.sectionRowIndex + step[0]];
    const next = row && choices(row)[choices(cell.parentElement).indexOf(event.target) + step[1]];
    next?.focus();
    next?.select();
  });
  cells(form).forEach(note);
  update();
}
