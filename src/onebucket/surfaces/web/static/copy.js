// A button beside code and secrets that copies them.
export function addCopyButton(code) {
  if (!navigator.clipboard) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "quiet copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
  // Inside what scrolls sideways it would move out of sight.
  (code.closest("pre") ?? code).after(button);
}
