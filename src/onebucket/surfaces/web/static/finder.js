// Search as you type: fetch the page with the new query and replace the part that the form searches.
const PAUSE = 150; // milliseconds after the last keystroke
const pending = new Map(); // element id -> AbortController of its latest request

// Replace the part of this page that has the id by that of another; whatever else comes is opened if `isPlace`.
export async function replacePart(address, id, isPlace = false) {
  pending.get(id)?.abort();
  const controller = new AbortController();
  pending.set(id, controller);
  try {
    const response = await fetch(address, { signal: controller.signal });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const drawn = page.getElementById(id);
    if (!response.ok || response.redirected || !drawn) return isPlace ? location.assign(address) : undefined;
    document.getElementById(id).replaceWith(drawn);
    if (isPlace) history.replaceState(null, "", address);
    drawn.dispatchEvent(new Event("drawn", { bubbles: true }));
    return drawn;
  } catch (error) {
    // A newer search replaced this one, or the server is unreachable: the form's button still works.
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
  }
}

export const draw = (address, id) => replacePart(address, id, true);

export function watch(form) {
  // Announces the number of results to screen readers.
  const status = document.createElement("p");
  status.className = "aside";
  status.setAttribute("role", "status");
  form.append(status);

  let timer;
  const find = async () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const drawn = await draw(`${new URL(form.action).pathname}?${query}`, form.dataset.finds);
    if (drawn) status.textContent = [...drawn.querySelectorAll(".pager span")].map((span) => span.textContent).join("; ");
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, PAUSE);
  });
}
