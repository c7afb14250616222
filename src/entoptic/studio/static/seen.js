// What is found in a photo: classes, layers, the strongest channels at a position.
import { make, tool } from "./elements.js";
import { roving } from "./keys.js";
import { ask, ready } from "./server.js";
import { go, mine } from "./tabs.js";
import { mosaic, pictures } from "./unit_pictures.js";

export function seen({ element }) {
  const own = mine("see");
  const classes = make("div", { class: "classes" });
  const strip = make("div", { class: "strip", role: "listbox", "aria-label": "Layers, early to late" });
  const units = make("div", { class: "channels" });
  const all = tool("All feature maps of this layer", () => own.show("maps", { layer: layer.layer }, `All feature maps of ${layer.layer}`), { hidden: true, id: "see-maps" });
  const title = (text, small) => make("div", { class: "caption" }, text, make("small", {}, small));
  const where = title("At a position", "click one in the photo");
  element.replaceChildren(make("section", { class: "picker seen", "aria-label": "What it sees" },
    title("What it takes the photo for", "click one: where it looked"), classes, title("Layer", "early to late"), strip, all, where, units));
  roving(strip);
  let layers = [], layer = null, asked = 0;
  const { tile, poll } = pictures(element, own, () => null);
  own.network = (name) => { own.model = name; load(); };
  own.seen = photo;
  own.position = position;
  ready.then(() => { own.model ??= document.querySelector("#see-model input")?.value; load(); });

  async function load() {
    try { layers = await ask("layers", { model: own.model }); } catch { return; }
    layer = layers[Math.floor(layers.length / 2)];
    strip.replaceChildren(...layers.map((each) => mosaic(each, tile, () => choose(each))));
    marks();
    strip.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "center" });
    poll();
    photo();
  }

  function marks() {
    for (const each of strip.children) each.setAttribute("aria-selected", String(each.dataset.layer === layer?.layer));
    all.hidden = !own.photo;
  }

  function choose(each) {
    layer = each;
    marks();
    if (own.at) position();
  }

  async function photo() {
    own.lesson();
    classes.replaceChildren();
    units.replaceChildren();
    own.at = null;
    marks();
    if (!own.photo) { classes.replaceChildren(make("p", { class: "soft" }, "Choose a photo first.")); return; }
    let found;
    try { found = await ask("see/classes", { model: own.model, photo: own.photo.name }); } catch (error) { classes.replaceChildren(make("p", { class: "soft" }, error.message)); return; }
    classes.replaceChildren(...found.map((each) => make("button", { type: "button", class: "class", onclick: () => own.show("looked", { number: each.number }, `Where the score of “${each.label}” depends on the photo most`) },
      make("span", {}, each.label), make("b", {}, `${(each.probability * 100).toFixed(each.probability < 0.1 ? 1 : 0)} %`), make("i", { style: `width:${Math.max(1, each.probability * 100)}%` }))));
  }

  async function position() {
    const mineNow = ++asked;
    let found;
    try { found = await ask("see/position", { model: own.model, photo: own.photo.name, layer: layer.layer, down: own.at[0], across: own.at[1] }); } catch (error) { own.told(error.message); return; }
    if (mineNow !== asked) return;
    own.told(null);
    own.mark(found);
    [own.rows, own.columns] = [found.rows, found.columns];
    where.lastChild.textContent = `row ${found.row} of ${found.rows}, column ${found.column} of ${found.columns}: the strongest channels of ${layer.layer}`;
    units.replaceChildren(...found.channels.map((each) => make("div", { class: "channel", "data-number": each.number },
      tile(layer.layer, each.number), make("div", {}, make("b", {}, each.label || `${layer.layer}:${each.number}`), make("small", {}, `${each.value.toPrecision(3)}, ${Math.round(each.share * 100)} % of its most`),
        make("div", { class: "side" }, tool("Map", () => see1(each, "map")), tool("Gradient", () => see1(each, "gradient", { row: found.row, column: found.column })), tool("Dream it", () => own.dream(`${layer.layer}:${each.number}`)))))));
    if (!found.channels.length) units.replaceChildren(make("p", { class: "soft" }, "No channel is active here."));
    poll();
  }

  function see1(each, path, more = {}) {
    const name = `${layer.layer}:${each.number}`;
    own.show(path, { layer: layer.layer, number: each.number, ...more }, path === "map" ? `Feature map of ${name}` : `Gradient of ${name} at the position: middle gray is none`);
  }

  own.dream = (name) => {
    const to = mine("dream");
    to.stage.set(own.photo);
    to.units = [{ name, weight: 1 }];
    to.layer = null;
    to.expression = "";
    to.picker();
    to.stage.settings();
    go("Dream");
  };
}
