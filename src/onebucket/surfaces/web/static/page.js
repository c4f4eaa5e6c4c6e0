// What pages do more where scripts run; each does without.
import { watch } from "./finder.js";
import { keep } from "./matrix.js";
import { local } from "./times.js";

local(document);
document.addEventListener("drawn", (event) => local(event.target));
document.querySelectorAll("form[data-finds]").forEach(watch);
document.querySelectorAll("form.matrix").forEach(keep);
