// Pictures of units, which the studio makes while nothing else is to be done.
import { make } from "./elements.js";
import { address, ask } from "./server.js";

// Pictures of units in an element: asked for while they are in sight, until all are there.
export function pictures(element, own, foremost) {
  let waiting = null;
  const tile = (name, number) => make("img", { alt: "", "data-unit": `${name}:${number}`, "data-layer": name, "data-number": number });

  async function poll() {
    clearTimeout(waiting);
    if (!element.isConnected) return;
    const lacking = {};
    const hidden = !element.offsetParent;
    for (const each of hidden ? [] : element.querySelectorAll("img[data-unit]:not([src]):not(.broken)")) (lacking[each.dataset.layer] ??= []).push(each);
    const names = Object.keys(lacking);
    // What was asked for last is made first.
    names.sort((one, other) => (one === foremost()) - (other === foremost()));
    for (const name of names) {
      let found;
      try { found = await ask("units", { model: own.model, layer: name, numbers: [...new Set(lacking[name].map((each) => each.dataset.number))].join(",") }); } catch { continue; }
      for (const each of lacking[name]) {
        const how = found[each.dataset.number];
        if (how === "made") each.src = address("unit", { model: own.model, layer: name, number: each.dataset.number });
        else if (how && how !== "wanted") { each.classList.add("broken"); each.title = how; }
      }
    }
    if (names.length || hidden) waiting = setTimeout(poll, 900);
  }
  return { tile, poll };
}

const first = (each) => [0, 1, 2, 3].filter((number) => number < each.channels);
export const mosaic = (each, tile, press) => make("button", { type: "button", role: "option", class: "layer", "aria-selected": "false", "data-layer": each.layer, onclick: press },
  make("span", { class: "mosaic" }, ...first(each).map((number) => tile(each.layer, number))), make("span", {}, each.layer));
