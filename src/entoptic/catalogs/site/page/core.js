// What all parts of the site share: data by shards, addresses, elements.
"use strict";

window.entoptic = (() => {
  const GRID = 4096, DETAILS = 32; // as the writer cuts them
  const waiting = new Map();
  const here = { catalogs: [], begin: null };

  // A shard is a script, since pages from the disk may not fetch files.
  function shard(name, value) {
    if (name === "index") { here.catalogs = value.catalogs.map(prepared); here.begin(); return; }
    waiting.get(name).give(value);
  }

  function wanted(name) {
    if (!waiting.has(name)) {
      const one = {};
      one.value = new Promise((give, refuse) => { one.give = give; one.refuse = refuse; });
      waiting.set(name, one);
      const script = document.createElement("script");
      script.src = `data/${name}.js`;
      script.onload = () => script.remove();
      script.onerror = () => {
        waiting.delete(name);
        one.refuse(new Error(`the site's file data/${name}.js can't be read`));
      };
      document.head.append(script);
    }
    return waiting.get(name).value;
  }

  function prepared(catalog, c) {
    catalog.layers.forEach((layer, l) => {
      layer.key = `c${c}-l${l}`;
      layer.catalog = catalog;
      layer.count = layer.runs.reduce((sum, [, count]) => sum + count, 0);
    });
    catalog.count = catalog.layers.reduce((sum, layer) => sum + layer.count, 0);
    catalog.named = new Map(catalog.layers.map((layer) => [layer.name, layer]));
    return catalog;
  }

  // Numbers of a layer's units: mostly 0, 1, 2, ..., and so kept as (first, how many, step).
  function numberAt(layer, place) {
    for (const [first, count, step] of layer.runs) {
      if (place < count) return first + place * step;
      place -= count;
    }
    return undefined;
  }

  function placeOf(layer, number) {
    let before = 0;
    for (const [first, count, step] of layer.runs) {
      const at = (number - first) / step;
      if (Number.isInteger(at) && at >= 0 && at < count) return before + at;
      before += count;
    }
    return -1;
  }

  async function grid(layer) {
    const parts = [];
    for (let at = 0; at * GRID < layer.count; at++) parts.push(wanted(`${layer.key}-g${at}`));
    const got = await Promise.all(parts);
    return { scores: got.flatMap((one) => one.scores), bare: Object.assign({}, ...got.map((one) => one.bare)) };
  }

  async function details(layer, place) {
    return (await wanted(`${layer.key}-u${Math.floor(place / DETAILS)}`))[place % DETAILS];
  }

  const labels = (layer) => (layer.labels ? wanted(`${layer.key}-labels`) : Promise.resolve(null));

  // How the responses of units correlate with those of another catalog's, where that is known.
  const together = (layer, other) => Promise.resolve(
    other && layer.beside.includes(other.key) ? wanted(`${layer.key}-${other.key}`) : null);

  const path = (...parts) => parts.join("/").split("/").map(encodeURIComponent).join("/");
  const picture = (layer, number) => path("pictures", layer.catalog.id, layer.folder, `${number}.png`);
  const small = (layer, number) => path("small", layer.catalog.id, layer.folder, `${number}.webp`);
  const file = (layer, name) => path("pictures", layer.catalog.id, name);

  // #catalog, #catalog/layer, #catalog/layer/40; a layer's name may hold slashes, and end in one
  // and a number, as that of a unit does: then its units are #catalog/layer:40.
  function link(layer, number, beside) {
    const name = path(layer.name);
    let address = `#${encodeURIComponent(layer.catalog.id)}/${name}`;
    if (number !== undefined) address += (layer.catalog.named.has(`${layer.name}/${number}`) ? ":" : "/") + number;
    return beside ? `${address}?with=${encodeURIComponent(`${beside.catalog.id}/${beside.name}`)}` : address;
  }

  function layerOf(text) {
    const cut = text.indexOf("/");
    const catalog = here.catalogs.find((one) => one.id === text.slice(0, cut));
    return catalog && catalog.named.get(text.slice(cut + 1));
  }

  function route(hash) {
    let [address, query] = hash.replace(/^#/, "").split("?");
    address = unescaped(address);
    const beside = layerOf(unescaped((query || "").replace(/^with=/, "")));
    if (!address) return {};
    const catalog = here.catalogs.find((one) => one.id === address);
    if (catalog) return { catalog };
    const layer = layerOf(address);
    if (layer) return { catalog: layer.catalog, layer, beside };
    const [, name, digits] = /^(.*)[/:](\d+)$/s.exec(address) || [];
    const home = name && layerOf(name);
    if (home && placeOf(home, +digits) >= 0) return { catalog: home.catalog, layer: home, number: +digits, beside };
    return { unknown: address };
  }

  function unescaped(text) {
    try { return decodeURIComponent(text); } catch { return text; } // someone typed a lone %
  }

  // Elements are made of texts, never of markup: names come from files of anyone.
  function h(kind, given = {}, ...inside) {
    const [tag, ...classes] = kind.split(".");
    const svg = ["svg", "rect", "path", "g"].includes(tag);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    if (classes.length) made.setAttribute("class", classes.join(" "));
    for (const [name, value] of Object.entries(given)) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (name.startsWith("--")) made.style.setProperty(name, value);
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...inside.flat(2).filter((one) => one !== null && one !== undefined && one !== false));
    return made;
  }

  function image(src, alt, sides, given = {}) {
    const made = h("img", { alt, width: sides[0], height: sides[1], decoding: "async", loading: "lazy", ...given });
    made.addEventListener("error", () => made.classList.add("broken"));
    made.src = src;
    return made;
  }

  const short = (value) => {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    return size >= 1e5 || (size > 0 && size < 1e-3) ? value.toExponential(1) : String(+value.toPrecision(3));
  };
  const many = (count, one, several = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : several}`;
  const unitName = (layer, number) => layer.unit.join(number);

  // From the disk some browsers keep nothing, which is no fault.
  const kept = {
    get: (name) => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* for this page only */ } },
  };
  const theme = kept.get("entoptic-theme");
  if (theme) document.documentElement.dataset.theme = theme;

  return {
    here, shard, numberAt, placeOf, grid, details, labels, together, picture, small, file, link, route, h, image, short, many,
    unitName, kept,
  };
})();
