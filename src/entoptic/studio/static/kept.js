// Settings of a picture for which the page has no control: kept, shown, and left out by a press.
import { button, make } from "./elements.js";
import { mine } from "./tabs.js";

export function kept({ element, tab }) {
  const own = mine(tab);
  const chips = make("div", { class: "chips" });
  const box = make("section", { class: "settings", "aria-label": "Settings of the picture", hidden: true },
    make("div", { class: "caption" }, "Of the picture", make("small", {}, "settings that it was made with")), chips);
  element.replaceChildren(box);
  own.keeps = keeps;

  function keeps(settings) {
    for (const each of own.kept) control(each)?.classList.remove("set-aside");
    own.kept = settings;
    box.hidden = !settings.length;
    chips.replaceChildren(...settings.map((each) => make("div", { class: "chip", "data-name": each.name }, make("b", {}, each.option),
      button("×", () => { keeps(own.kept.filter((one) => one !== each)); own.stage.settings(); }, { "aria-label": `Without ${each.option}` }))));
    // What a chip says holds, so the control isn't shown.
    for (const each of settings) control(each)?.classList.add("set-aside");
  }

  function control(each) { return document.getElementById(`${tab}-${each.name}`); }
}
