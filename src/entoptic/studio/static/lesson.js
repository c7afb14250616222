// A lesson: a photo in a few layers of a network, early to late; what its strongest channels want, and where they respond.
import { button, make, tool } from "./elements.js";
import { address, ask } from "./server.js";
import { mine } from "./tabs.js";
import { pictures } from "./unit_pictures.js";

export function lesson({ element }) {
  const own = mine("see");
  const mode = (text, on) => tool(text, () => turn(on), { "aria-pressed": String(!on), id: on ? "see-lesson" : "see-positions" });
  const modes = [mode("Position by position", false), mode("A lesson, early to late", true)];
  const earlier = button("Earlier", () => step(-1), { class: "plain", id: "lesson-earlier" });
  const later = button("Later", () => step(1), { class: "primary", id: "lesson-later" });
  const slide = make("input", { type: "range", min: 0, value: 0, step: 1, "aria-label": "Layer, early to late", oninput: () => open(Number(slide.value)) });
  const title = make("h2", { "aria-live": "polite" });
  const hint = make("p", { class: "hint" });
  const size = make("p", { class: "soft" });
  const channels = make("div", { class: "wanted" });
  const fine = make("p", { class: "soft" }, "The size of a receptive field is what a position could respond to, not what it does. A channel's picture was optimised to raise the channel, without the photo: compare it with where the channel responds.");
  const panel = make("section", { class: "picker lesson", "aria-label": "A lesson, early to late", hidden: true },
    title, make("div", { class: "walk" }, earlier, slide, later), size, hint, channels, fine);
  element.replaceChildren(make("div", { class: "side modes", role: "group", "aria-label": "What to see" }, ...modes), panel);
  let layers = [], at = 0, asked = 0, on = false;
  const known = new Map();   // the strongest channels of layers of this photo
  const { tile, poll } = pictures(element, own, () => layers[at]?.layer);
  own.lesson = begin;
  panel.addEventListener("keydown", keys);
  own.walk = (event) => on && keys(event);

  function keys(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way || event.target === slide) return;
    event.preventDefault();
    step(way);
  }

  function turn(to) {
    on = to;
    modes.forEach((each, number) => each.setAttribute("aria-pressed", String(on === Boolean(number))));
    panel.hidden = !on;
    document.querySelector("#seen-see").hidden = on;
    own.show(null);
    own.mark(null);
    own.spot(null);
    begin();
  }

  // Begin anew: there is another photo, or another network.
  async function begin() {
    own.teaches = on;
    if (!on) return;
    const mineNow = ++asked;
    known.clear();
    channels.replaceChildren();
    layers = [];
    if (!own.photo) { say("Choose a photo first."); return; }
    say("Looking at the network's layers");
    let found;
    try { found = await ask("see/lesson", { model: own.model, photo: own.photo.name }); } catch (error) { if (mineNow === asked) say(error.message); return; }
    if (mineNow !== asked) return;
    layers = found;
    slide.max = layers.length - 1;
    open(0);
  }

  function say(text) {
    title.textContent = text;
    hint.textContent = size.textContent = "";
    earlier.disabled = later.disabled = slide.disabled = true;
  }

  function step(way) {
    if (layers[at + way]) open(at + way);
  }

  async function open(number) {
    const mineNow = ++asked;
    at = number;
    const layer = layers[at];
    slide.value = at;
    slide.disabled = false;
    slide.setAttribute("aria-valuetext", layer.layer);
    earlier.disabled = at === 0;
    later.disabled = at === layers.length - 1;
    title.replaceChildren(layer.layer, make("small", {}, `layer ${at + 1} of ${layers.length}, ${layer.channels} channels`));
    size.textContent = layer.size;
    hint.textContent = layer.hint;
    own.show(null);
    own.spot(null);
    channels.replaceChildren(make("p", { class: "soft" }, "Looking for the strongest channels"));
    let found;
    try { found = await strongest(layer.layer); } catch (error) { if (mineNow === asked) channels.replaceChildren(make("p", { class: "soft" }, error.message)); return; }
    if (mineNow !== asked) return;
    channels.replaceChildren(...found.map((each) => row(layer.layer, each)));
    if (!found.length) { channels.replaceChildren(make("p", { class: "soft" }, "No channel responds to this photo.")); return; }
    spot(layer.layer, found[0]);
    poll();
    ahead(layers[at + 1], mineNow);
  }

  async function strongest(layer) {
    if (!known.has(layer)) known.set(layer, await ask("see/strongest", { model: own.model, photo: own.photo.name, layer }));
    return known.get(layer);
  }

  // Have what comes next made while this is looked at.
  async function ahead(layer, mineNow) {
    if (!layer) return;
    try {
      const found = await strongest(layer.layer);
      if (mineNow !== asked || !found.length) return;
      await ask("units", { model: own.model, layer: layer.layer, numbers: found.map((each) => each.number).join(",") });
    } catch { /* it is told when the layer is opened */ }
  }

  const named = (layer, each) => each.label.split(",")[0] || `${layer}:${each.number}`;

  function row(layer, each) {
    const name = named(layer, each);
    const map = make("img", { alt: "", src: address("see/map", { model: own.model, photo: own.photo.name, layer, number: each.number }) });
    return make("div", { class: "want", "data-number": each.number, style: `--ratio:${own.photo.width / own.photo.height}` },
      make("button", { type: "button", class: "unit", "aria-pressed": "false", "aria-label": `${name}: what it wants; show where it responds most`, title: "What it wants", onclick: () => spot(layer, each) }, tile(layer, each.number)),
      make("button", { type: "button", class: "unit", "aria-pressed": "false", "aria-label": `${name}: where it responds, over the photo`, title: "Where it responds", onclick: () => lay(layer, each) }, map),
      make("div", {}, make("b", {}, name), tool("Dream it", () => own.dream(`${layer}:${each.number}`))));
  }

  function mark(each, which) {
    for (const one of channels.querySelectorAll(".unit")) one.setAttribute("aria-pressed", "false");
    channels.querySelectorAll(`[data-number="${each.number}"] .unit`)[which].setAttribute("aria-pressed", "true");
  }

  // The receptive field of the position where a channel responds most.
  function spot(layer, each) {
    mark(each, 0);
    own.show(null);
    own.spot(each.box, each.box ? `${named(layer, each)} responds most to what lies in the frame` : `${named(layer, each)}: each position depends on the whole photo`);
  }

  async function lay(layer, each) {
    mark(each, 1);
    own.spot(each.box);
    await own.show("map", { layer, number: each.number }, `Where ${named(layer, each)} responds: ${each.signed ? "orange is more, blue the opposite" : "the brighter, the more"}`);
  }
}
