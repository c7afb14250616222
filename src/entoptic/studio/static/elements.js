// Elements of the page, and what files are dropped on.

export function make(tag, about = {}, ...inside) {
  const found = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
    else if (value === true) found.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) found.setAttribute(name, value);
  }
  found.append(...inside.filter((each) => each !== null));
  return found;
}

export const button = (text, press, about = {}) => make("button", { type: "button", onclick: press, ...about }, text);
export const tool = (text, press, about = {}) => button(text, press, { class: "tool", ...about });
export const pressed = (each) => each.getAttribute("aria-pressed") === "true";

// Return what lets a file be chosen; it is to be put into the page, where it doesn't show.
export function chooser(accept, take) {
  const found = make("input", { type: "file", accept, hidden: true, onchange: () => { if (found.files[0]) take(found.files[0]); found.value = ""; } });
  return found;
}

// Let files be dropped on an element.
export function drops(element, take) {
  element.addEventListener("dragover", (event) => { event.preventDefault(); element.classList.add("over"); });
  element.addEventListener("dragleave", () => element.classList.remove("over"));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    element.classList.remove("over");
    if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
  });
}
