// The head of the page: it lets the visitor in.
import { button, make } from "./elements.js";
import { enter } from "./server.js";

export function top({ element, props, watch }) {
  element.replaceChildren(make("header", { class: "masthead" },
    make("h1", {}, "entoptic"), make("span", {}, "see what a neural network sees"),
    button("", theme, { class: "lamp", "aria-label": "Light or dark", title: "Light or dark", id: "theme" })));
  const greeted = () => { if (props.value?.kind === "hello") enter(props.value); };
  watch("value", greeted);
  greeted();  // it may have come before this script
}

function theme() {
  const dark = document.body.classList.toggle("dark");
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
}
