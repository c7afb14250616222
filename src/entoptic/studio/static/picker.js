// The picker: layers as a strip, early to late, and the units of one of them.
import { button, make, tool } from "./elements.js";
import { roving } from "./keys.js";
import { ask, ready } from "./server.js";
import { mine } from "./tabs.js";
import { mosaic, pictures } from "./unit_pictures.js";

const COLUMNS = 5, ROWS = 8;   // units that are asked for at a time

export function picker({ element, trigger, tab, blend }) {
  const own = mine(tab);
  const strip = make("div", { class: "strip", role: "listbox", "aria-label": "Layers, early to late" });
  const find = make("input", { type: "search", placeholder: "Number", "aria-label": "Search units", oninput: () => show() });
  const whole = tool("The whole layer", () => { own.units = []; own.layer = layer.layer; picked(); }, { "aria-pressed": "false" });
  const grid = make("div", { class: "units" });
  const chips = make("div", { class: "chips" });
  const more = button("More units", () => { shown += COLUMNS * ROWS; show(); }, { class: "tool more" });
  const words = make("input", { type: "text", placeholder: blend ? "or: fire7:12 - 2 * total_variation()" : "or: class:goldfish", "aria-label": "Expression", id: `${tab}-expression`,
    onchange: () => { own.expression = words.value.trim(); if (own.expression) { own.units = []; own.layer = null; } picked(); } });
  const inside = make("div", { class: "inside", hidden: true }, make("div", { class: "side" }, blend ? whole : null, find), grid, more);
  element.replaceChildren(make("section", { class: "picker", "aria-label": "What to look for" },
    make("div", { class: "caption" }, blend ? "What to look for" : "Unit", make("small", {}, "early layers to late ones")), strip, inside, chips, words));
  roving(strip);
  roving(grid);
  let layers = [], layer = null, shown = COLUMNS * ROWS;
  const { tile, poll } = pictures(element, own, () => layer?.layer);
  own.network = (name) => { own.model = name; own.units = []; own.layer = null; own.expression = words.value = ""; load(); };
  own.picker = () => { words.value = own.expression; marks(); };
  ready.then(async () => {
    own.model ??= document.querySelector(`#${tab}-model input`)?.value;
    await load();
  });

  async function load() {
    layer = null;
    inside.hidden = true;
    try { layers = await ask("layers", { model: own.model }); } catch { return; }
    strip.replaceChildren(...layers.map((each) => mosaic(each, tile, () => open(each))));
    marks();
    poll();
  }

  function open(each) {
    layer = layer === each ? null : each;
    shown = COLUMNS * ROWS;
    find.value = "";
    find.placeholder = each.labels.length ? "Name or number" : `Number, 0 to ${each.channels - 1}`;
    show();
  }

  function show() {
    inside.hidden = !layer;
    if (layer) {
      const sought = find.value.trim().toLowerCase();
      const all = [...Array(layer.channels).keys()].filter((number) => !sought || String(number) === sought || (layer.labels[number] || "").toLowerCase().includes(sought));
      grid.replaceChildren(...all.slice(0, shown).map((number) => make("button", { type: "button", class: "unit", "data-name": `${layer.layer}:${number}`, "aria-pressed": "false",
        "aria-label": layer.labels[number] || `${layer.layer}:${number}`, title: layer.labels[number] || `${layer.layer}:${number}`, onclick: () => toggle(`${layer.layer}:${number}`) },
        tile(layer.layer, number), make("small", {}, layer.labels[number] || String(number)))));
      if (!all.length) grid.replaceChildren(make("p", { class: "soft" }, "No unit of that name or number."));
      more.hidden = all.length <= shown;
    }
    marks();
    poll();
  }

  function toggle(name) {
    const has = own.units.some((each) => each.name === name);
    own.units = has ? own.units.filter((each) => each.name !== name) : [...own.units, { name, weight: 1 }];
    own.layer = null;
    own.expression = words.value = "";
    picked();
  }

  function picked() { marks(); own.stage?.settings(); }

  function marks() {
    for (const each of strip.children) {
      each.setAttribute("aria-selected", String(each.dataset.layer === layer?.layer));
      each.classList.toggle("chosen", each.dataset.layer === own.layer || own.units.some((one) => one.name.startsWith(`${each.dataset.layer}:`)));
    }
    for (const each of grid.querySelectorAll(".unit")) each.setAttribute("aria-pressed", String(own.units.some((one) => one.name === each.dataset.name)));
    whole.setAttribute("aria-pressed", String(Boolean(layer) && own.layer === layer.layer));
    const weights = blend && own.units.length > 1;
    chips.replaceChildren(...own.units.map((each) => make("div", { class: "chip" }, make("b", {}, each.name),
      weights ? make("input", { type: "range", min: -2, max: 2, step: 0.1, value: each.weight, "aria-label": `Weight of ${each.name}`, oninput: (event) => { each.weight = Number(event.target.value); event.target.nextSibling.textContent = each.weight; }, onchange: () => own.stage?.settings() }) : null,
      weights ? make("output", {}, String(each.weight)) : null,
      button("×", () => toggle(each.name), { "aria-label": `Without ${each.name}` }))),
      ...(own.layer ? [make("div", { class: "chip" }, make("b", {}, `${own.layer}, the whole layer`), button("×", () => { own.layer = null; picked(); }, { "aria-label": "Without a layer" }))] : []));
  }
}
