// What keys do beside the browser's own: arrows within a grid, Escape, and Enter.

const WAYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

// Let arrow keys move the focus within a grid or a row of buttons, which is one stop of the Tab key.
export function roving(element) {
  const all = () => [...element.querySelectorAll("button")];
  const stop = (at) => all().forEach((each) => { each.tabIndex = each === at ? 0 : -1; });
  const chosen = "[aria-pressed=true], [aria-selected=true]";
  new MutationObserver(() => stop(element.querySelector("button[tabindex='0']") || element.querySelector(chosen) || all()[0])).observe(element, { childList: true });
  element.addEventListener("focusin", (event) => stop(event.target.closest("button")));
  element.addEventListener("keydown", (event) => {
    const found = all(), at = found.indexOf(document.activeElement);
    if (at < 0) return;
    const columns = found.filter((each) => each.offsetTop === found[0].offsetTop).length;
    const way = WAYS[event.key] ?? { ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (!way) return;
    event.preventDefault();
    const to = Number.isFinite(way) ? at + way : way < 0 ? 0 : found.length - 1;
    found[to]?.focus();
  });
}

// Have Escape put away what lies over an element; `close` returns whether there was something.
export function escape(element, close) {
  element.addEventListener("keydown", (event) => { if (event.key === "Escape" && close()) event.preventDefault(); });
}

// Have Enter in a field of numbers or words begin, as in other forms.
export function enters(element, begin) {
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("input[type=number], input[type=text]:not([role=listbox], [role=combobox])")) return;
    event.target.blur();  // which takes what was typed
    event.target.focus();
    setTimeout(begin, 100);  // when Gradio has taken it, too
  });
}
