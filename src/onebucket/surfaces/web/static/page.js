// Enhancements of the pages; every page also works without scripts.
import { watch } from "./finder.js";
import { keep } from "./matrix.js";
import { offer } from "./passkeys.js";
import { local } from "./times.js";

local(document);
// "/" opens the search from anywhere but a field.
document.addEventListener("keydown", (event) => {
  const link = document.querySelector(`a[data-shortcut="${CSS.escape(event.key)}"]`);
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (!link || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  (document.getElementById("q") ?? link).focus();
  if (!document.getElementById("q")) link.click();
});
document.addEventListener("drawn", (event) => local(event.target));
document.querySelectorAll("form[data-finds]").forEach(watch);
document.querySelectorAll("form.matrix").forEach(keep);
document.querySelectorAll("form[data-passkey]").forEach(offer);
