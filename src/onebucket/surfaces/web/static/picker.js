// Choose by name: matches come while one types, and what is ticked is written into the field above.
import { replacePart } from "./finder.js";

const PAUSE = 150; // milliseconds after the last keystroke
const words = (text) => text.split(/[\s,;]+/).filter(Boolean);

export function offerMatches(search) {
  const { form } = search;
  const what = search.dataset.picks;
  const field = form.elements[what];
  const id = `found_${what}`;
  const status = document.createElement("p");
  status.className = "aside";
  status.setAttribute("role", "status");
  search.after(status);

  const chosen = () => new Set(words(field.value));
  const ticks = () => document.getElementById(id).querySelectorAll("input[type=checkbox]");
  const note = () => ticks().forEach((tick) => (tick.checked = words(tick.value).every((word) => chosen().has(word))));

  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const query = new URLSearchParams({ [search.name]: search.value });
      const drawn = await replacePart(`${new URL(form.action).pathname}?${query}`, id);
      if (!drawn) return;
      note();
      status.textContent = search.value ? `${ticks().length} ${ticks().length === 1 ? "match" : "matches"}` : "";
    }, PAUSE);
  });
  form.addEventListener("change", (event) => {
    if (event.target.name !== `picked_${what}`) return;
    const names = words(event.target.value);
    const kept = [...chosen()].filter((word) => !names.includes(word));
    field.value = [...kept, ...(event.target.checked ? names : [])].join("\n");
    note();
  });
  field.addEventListener("input", note);
}
