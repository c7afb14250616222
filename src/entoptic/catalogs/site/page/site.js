// Which page is shown, and the keys that hold on all of them.
"use strict";

entoptic.here.begin = () => {
  const { here, route, link, h, kept, unitName, pages, unitPage, search } = entoptic;
  const main = document.getElementById("main"), crumbs = document.getElementById("crumbs");
  const find = search.begin();
  const scrolled = new Map();
  let now = {}, shown = {}, turn = 0;
  history.scrollRestoration = "manual";

  const one = here.catalogs.length === 1 ? here.catalogs[0] : null;

  function drawCrumbs({ catalog, layer, number }) {
    const parts = [h("a.home", { href: "#" }, "entoptic")];
    const add = (text, href, last) => parts.push(h("span", { "aria-hidden": "true" }, "/"), h("a", { href, "aria-current": last ? "page" : undefined }, text));
    if (catalog) add(catalog.id, `#${encodeURIComponent(catalog.id)}`, !layer);
    if (layer) add(layer.name, link(layer), number === undefined);
    if (number !== undefined) add(String(number), link(layer, number), true);
    crumbs.replaceChildren(...parts);
  }

  function upOf({ catalog, layer, number, beside }) {
    if (number !== undefined) return link(layer, undefined, beside);
    if (layer) return `#${encodeURIComponent(catalog.id)}`;
    return catalog && !one ? "#" : null;
  }

  async function made(to) {
    if (to.unknown !== undefined) {
      return { page: h("article", {}, h("h1", {}, "Nothing here"), h("p", {}, `There is no ${to.unknown} in this site. `, h("a", { href: "#" }, "To the beginning"))) };
    }
    if (to.number !== undefined) return unitPage(to.layer, to.number, to.beside);
    if (to.layer) return pages.layerPage(to.layer, to.beside, now.layer === to.layer ? now.number : undefined);
    if (to.catalog) return { page: pages.catalogPage(to.catalog) };
    return { page: pages.homePage() };
  }

  async function go() {
    const mine = ++turn, hash = location.hash;
    let to = route(hash);
    if (!to.catalog && to.unknown === undefined && one) to = { catalog: one };
    let next;
    try {
      next = await made(to);
    } catch (error) {
      next = { page: h("article", {}, h("h1", {}, "This page can't be shown"), h("p", {}, error.message)) };
    }
    if (mine !== turn) return; // meanwhile another one was asked for
    if (shown.hash !== undefined) scrolled.set(shown.hash, scrollY);
    if (shown.gone) shown.gone();
    const first = shown.hash === undefined;
    now = to;
    shown = { ...next, hash };
    main.replaceChildren(next.page);
    drawCrumbs(to);
    const { catalog, layer, number } = to;
    document.title = [number !== undefined ? unitName(layer, number) : layer && layer.name, catalog && catalog.id, "entoptic catalog"].filter(Boolean).join(" · ");
    scrollTo(0, number === undefined ? scrolled.get(hash) || 0 : 0);
    if (!first) main.focus({ preventScroll: true }); // so that readers of the page begin there
    if (next.shown) next.shown();
  }

  const asked = matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const { dataset } = document.documentElement;
    const dark = dataset.theme ? dataset.theme === "dark" : asked.matches;
    dataset.theme = dark ? "light" : "dark";
    kept.set("entoptic-theme", dataset.theme);
  });
  const keys = document.getElementById("keys");
  document.getElementById("help").addEventListener("click", () => keys.showModal());
  document.getElementById("find").addEventListener("click", find);
  document.getElementById("skip").addEventListener("click", () => main.focus());

  addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.target.closest("input, textarea, select, pre")) return;
    if (event.key === "/") { find(); event.preventDefault(); }
    else if (event.key === "?") keys.showModal();
    else if (event.key === "Escape") { const up = upOf(now); if (up) location.hash = up; }
    else if (shown.key) shown.key(event);
  });
  addEventListener("hashchange", go);
  document.getElementById("foot").append("Made by entoptic. Every picture carries the job that made it.");
  go();
};
