// Enhancements of the pages; every page also works without scripts.
import { watch } from "./finder.js";
import { keep } from "./matrix.js";
import { offer } from "./passkeys.js";
import { local } from "./times.js";

local(document);
document.addEventListener("drawn", (event) => local(event.target));
document.querySelectorAll("form[data-finds]").forEach(watch);
document.querySelectorAll("form.matrix").forEach(keep);
document.querySelectorAll("form[data-passkey]").forEach(offer);
