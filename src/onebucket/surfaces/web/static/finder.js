// Finding as one types: the part of the page that a form finds is fetched anew and put where the old one stands.
const PAUSE = 150;
const asking = new Map();

export async function draw(address, id) {
  asking.get(id)?.abort();
  const asked = new AbortController();
  asking.set(id, asked);
  try {
    const answer = await fetch(address, { signal: asked.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const drawn = page.getElementById(id);
    if (!answer.ok || answer.redirected || !drawn) return location.assign(address);
    document.getElementById(id).replaceWith(drawn);
    history.replaceState(null, "", address);
    drawn.dispatchEvent(new Event("drawn", { bubbles: true }));
    return drawn;
  } catch (error) {
    // Something else is asked already, or the server can't be reached: the button still asks it.
    if (error.name !== "AbortError" && !(error instanceof TypeError)) throw error;
  }
}

export function watch(form) {
  const told = document.createElement("p");
  told.className = "aside";
  told.setAttribute("role", "status");
  form.append(told);

  let pause;
  const find = async () => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    const drawn = await draw(`${new URL(form.action).pathname}?${query}`, form.dataset.finds);
    if (drawn) told.textContent = [...drawn.querySelectorAll(".pager span")].map((each) => each.textContent).join("; ");
  };
  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(find, PAUSE);
  });
}
