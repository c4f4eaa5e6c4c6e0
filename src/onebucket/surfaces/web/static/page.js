// Enhancements of the pages; every page also works without scripts.
import { addCopyButton } from "./copy.js";
import { watch } from "./finder.js";
import { keep } from "./matrix.js";
import { close } from "./menu.js";
import { offer } from "./passkeys.js";
import { offerMatches } from "./picker.js";
import { local } from "./times.js";

local(document);
// What was just done is told once: neither a reload nor a bookmark tells it again.
const here = new URL(location.href);
if (here.searchParams.has("did")) {
  here.searchParams.delete("did");
  history.replaceState(history.state, "", here);
}
// The menu of an account is one line in a narrow window: the current page is in sight.
const current = document.querySelector("nav.account [aria-current]");
if (current) current.parentElement.scrollLeft = current.offsetLeft - current.parentElement.offsetLeft - 8;
// "/" goes to the search from anywhere but a field.
document.addEventListener("keydown", (event) => {
  const field = document.querySelector(`[data-shortcut="${CSS.escape(event.key)}"]`);
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (!field || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  field.focus();
});
document.addEventListener("drawn", (event) => local(event.target));
document.querySelectorAll("form[data-finds]").forEach(watch);
document.querySelectorAll("input[data-picks]").forEach(offerMatches);
document.querySelectorAll("details.switch").forEach(close);
document.querySelectorAll("form.matrix").forEach(keep);
document.querySelectorAll("form[data-passkey]").forEach(offer);
document.querySelectorAll("main pre > code").forEach(addCopyButton);
