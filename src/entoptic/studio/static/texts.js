// The command and the Python that do the same.
import { make, tool } from "./elements.js";
import { mine } from "./tabs.js";

export function texts({ element, props, watch, tab }) {
  const draw = mine(tab).texts = textsOf({ element });
  draw(props.value || {});
  watch("value", () => draw(props.value || {}));
}

// Return what shows texts in an element.
export function textsOf({ element }) {
  return draw;
  function draw(found) {
    const part = (title, text) => make("div", { class: "text" }, make("div", { class: "side" }, make("span", { class: "caption" }, title), copy(text)), make("pre", { tabindex: 0 }, text));
    element.replaceChildren(make("section", { class: "texts", "aria-label": "Command and Python" }, ...(found.error ? [make("p", { class: "soft" }, found.error)] : []),
      ...(found.command ? [part("Command", found.command)] : []), ...(found.python ? [part("Python", found.python)] : [])));
  }
  function copy(text) {
    const found = tool("Copy", async () => {
      try { await navigator.clipboard.writeText(text); } catch { select(found.closest(".text").querySelector("pre")); return; }
      found.textContent = "Copied";
      setTimeout(() => { found.textContent = "Copy"; }, 1500);
    });
    return found;
  }
  function select(pre) { getSelection().selectAllChildren(pre); }
}
