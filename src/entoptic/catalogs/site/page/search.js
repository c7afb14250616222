// Search by layer, number and class: a dialog over the page.
"use strict";

entoptic.search = (() => {
  const { here, placeOf, labels, link, h, many, unitName } = entoptic;
  const { thumb } = entoptic.pages;
  const MOST = 40;
  const AT_ONCE = 12; // as many as are seen before one scrolls
  const named = new Map(); // labels in small letters, by layer
  let results = [], chosen = 0;

  async function prepare() {
    const layers = here.catalogs.flatMap((one) => one.layers).filter((layer) => layer.labels && !named.has(layer));
    await Promise.all(layers.map(async (layer) => {
      const found = await labels(layer);
      named.set(layer, found.map((text) => [text, text.toLowerCase()]));
    }));
  }

  // Layers, then units by number, then classes; of each the nearest first. Others are counted.
  function found(words) {
    const text = words.trim().toLowerCase().replace(/\s+/g, " ");
    if (!text) return { results: [], more: 0 };
    const all = [];
    const add = (rank, layer, number, label) => all.push({ rank, layer, number, label });
    const [, before, digits] = /^(.*?)[\s:/]*(\d+)$/.exec(text) || [];
    for (const catalog of here.catalogs) {
      for (const layer of catalog.layers) {
        const name = layer.name.toLowerCase();
        if (name === text) add(0, layer);
        else if (name.startsWith(text)) add(2, layer);
        else if (name.includes(text) || `${catalog.id} ${name}`.toLowerCase().includes(text)) add(5, layer);
        if (digits !== undefined && placeOf(layer, +digits) >= 0) {
          if (name === before) add(1, layer, +digits);
          else if (name.startsWith(before)) add(before ? 3 : 4, layer, +digits);
          else if (name.includes(before)) add(6, layer, +digits);
        }
      }
    }
    for (const [layer, texts] of named) {
      texts.forEach(([label, low], place) => {
        const at = low.indexOf(text);
        if (at < 0) return;
        const whole = low.split(", ").includes(text);
        add(whole ? 1 : at === 0 || low[at - 1] === " " ? 3 : 7, layer, entoptic.numberAt(layer, place), label);
      });
    }
    all.sort((one, other) => one.rank - other.rank); // which keeps the order of equal ones
    return { results: all.slice(0, MOST), more: Math.max(0, all.length - MOST) };
  }

  function row(one, at) {
    const several = here.catalogs.length > 1;
    const { layer, number, label } = one;
    const unit = number !== undefined;
    return h("a.hit", { href: link(layer, number), role: "option", id: `hit${at}`, tabindex: -1, "aria-selected": String(at === chosen) },
      unit || layer.cover.length ? thumb(layer, unit ? number : layer.cover[0]) : h("span.none"),
      h("span.what", {}, label || (unit ? unitName(layer, number) : layer.name)),
      h("span.where", {}, [label && unitName(layer, number), !unit && many(layer.count, "unit"), several && layer.catalog.id].filter(Boolean).join(" · ")));
  }

  function begin() {
    const box = document.getElementById("search"), words = document.getElementById("words");
    const list = document.getElementById("found"), told = document.getElementById("told");
    const choose = (at) => {
      if (!results.length) { words.removeAttribute("aria-activedescendant"); return; }
      chosen = (at + results.length) % results.length;
      if (chosen >= list.children.length) drawRest();
      [...list.children].forEach((one, place) => one.setAttribute("aria-selected", String(place === chosen)));
      words.setAttribute("aria-activedescendant", `hit${chosen}`);
      list.children[chosen].scrollIntoView({ block: "nearest" });
    };
    // After the first have been painted, or as soon as one of the others is chosen.
    const drawRest = () => list.append(...results.slice(list.children.length).map((one, at) => row(one, list.children.length + at)));
    const draw = () => {
      const got = found(words.value);
      ({ results } = got);
      chosen = 0;
      list.replaceChildren(...results.slice(0, AT_ONCE).map(row));
      list.scrollTop = 0;
      requestAnimationFrame(() => setTimeout(() => { if (results === got.results) drawRest(); }));
      told.textContent = !words.value.trim() ? "" : results.length
        ? (got.more ? `${got.more.toLocaleString("en")} more; write more of the name` : many(results.length, "result"))
        : "Nothing of that name or number.";
      choose(0);
    };
    words.addEventListener("input", draw);
    box.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { choose(chosen + step); event.preventDefault(); }
      if (event.key === "Enter" && results.length) {
        location.hash = list.children[chosen].getAttribute("href");
        box.close();
        event.preventDefault();
      }
    });
    list.addEventListener("click", (event) => { if (event.target.closest("a")) box.close(); });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    return async () => {
      if (box.open) return;
      box.showModal();
      words.select();
      await prepare();
      draw();
    };
  }

  return { begin, found, prepare };
})();
