// The history: what was made, found again, compared, starred, begun with.
import { button, make, tool } from "./elements.js";
import { escape, roving } from "./keys.js";
import { address, ask, kept, ready } from "./server.js";
import { go, hasPage, mine, takeOver } from "./tabs.js";
import { textsOf } from "./texts.js";

const PAGE = 60;   // results that are shown at first, and more at a time

let again = null;

// Read the history anew, where it is shown.
export const renew = () => again?.();

export function history({ element, tab }) {
  let items = [], open = null, pinned = null, starred = false, most = PAGE;
  const file = (each, more = {}) => address(`history/${encodeURIComponent(each.name)}`, more);
  const act = async (each, action) => { try { return await kept(each.name, action); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; return null; } };
  const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
  const only = tool("Starred", () => { starred = !starred; only.setAttribute("aria-pressed", String(starred)); draw(); }, { "aria-pressed": "false" });
  const undo = tool("Take it back", null, { hidden: true });
  const grid = make("div", { class: "gallery" });
  const more = button("", () => { most += PAGE; draw(); }, { class: "tool more", hidden: true, id: "history-more" });
  const large = make("div", { class: "large-view", hidden: true });
  element.replaceChildren(make("section", { class: "history", "aria-label": "History" }, make("div", { class: "tools" }, only, undo), wrong, large, grid, more));
  roving(grid);
  escape(element, () => !large.hidden && close());
  again = load;
  ready.then(load);

  async function load() {
    try { items = await ask("history"); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; return; }
    draw();
  }

  function picture(each, small) {
    if (each.film && !small) return make("video", { src: file(each), controls: true, loop: true, muted: true, autoplay: true, playsinline: true });
    return make("img", { src: file(each, small ? { small: true } : {}), alt: each.name, loading: "lazy" });
  }

  // Show a page of the history; tiles that are there already stay, with their pictures.
  function draw() {
    const found = items.filter((each) => !starred || each.starred);
    const before = new Map([...grid.children].map((each) => [each.dataset.key, each]));
    grid.replaceChildren(...found.slice(0, most).map((each) => before.get(keyOf(each)) ?? tile(each)));
    marks();
    if (!found.length) grid.replaceChildren(make("p", { class: "soft" }, starred ? "Nothing is starred yet." : "What you make is kept here."));
    more.hidden = found.length <= most;
    more.textContent = `Show more: ${found.length - most} are older`;
  }

  const keyOf = (each) => [each.name, each.made, each.starred].join();

  function tile(each) {
    return make("button", { type: "button", class: "kept", "data-name": each.name, "data-key": keyOf(each), "aria-pressed": "false", title: each.name, onclick: () => show(each) },
      picture(each, true), each.starred ? make("span", { class: "starred", "aria-label": "Starred" }, "★") : null, each.film ? make("span", { class: "moves", "aria-label": "A film" }, "▶") : null);
  }

  function marks() {
    for (const each of grid.children) each.setAttribute("aria-pressed", String(each.dataset.name === open?.name));
  }

  function close() {
    const last = open.name;
    open = null;
    large.hidden = true;
    marks();
    [...grid.children].find((each) => each.dataset.name === last)?.focus();
    return true;
  }

  async function show(each) {
    open = each;
    wrong.hidden = true;
    marks();
    let about = { again: {}, recipe: null, facts: [] };
    try { about = await ask(`history/${encodeURIComponent(each.name)}/again`); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; }
    if (open !== each) return;
    const texts = make("div");
    const pair = pinned && pinned.name !== each.name ? [pinned, each] : [each];
    const differs = pair.length > 1 ? await differences(pair) : [about.facts];
    if (open !== each) return;
    const figures = pair.map((one, at) => make("figure", { "data-name": one.name }, picture(one), make("figcaption", {}, one.name, ...differs[at].map((fact) => make("small", {}, fact)))));
    large.replaceChildren(make("div", { class: "pair" }, ...figures),
      make("div", { class: "tools" },
        each.film ? null : tool("Dream on from here", () => begin(each)),
        hasPage(about.recipe) ? tool("Use its settings", () => takeOver(each.name, "history", about.recipe), { id: "history-settings" }) : null,
        each.film ? null : tool(pinned?.name === each.name ? "Compare with another: choose it" : "Compare", () => { pinned = pinned?.name === each.name ? null : each; show(each); }, { "aria-pressed": String(pinned?.name === each.name) }),
        tool("Star", async () => { if (await act(each, each.starred ? "unstar" : "star")) { each.starred = !each.starred; draw(); show(each); } }, { id: "history-star", "aria-pressed": String(each.starred) }),
        make("a", { class: "tool", href: file(each, { save: true }), download: each.name }, "Download"),
        tool("Delete", () => drop(each)), tool("Close", close)), texts);
    textsOf({ element: texts })(about.again);
    large.hidden = false;
    large.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  // Return the settings in which two results differ; nothing of what carries none.
  async function differences(pair) {
    try { return await ask("compare", { names: pair.map((each) => each.name).join(",") }); } catch { return pair.map(() => []); }
  }

  async function drop(each) {
    if (!await act(each, "delete")) return;
    open = null;
    if (pinned?.name === each.name) pinned = null;
    large.hidden = true;
    undo.textContent = `Take back ${each.name}`;
    undo.hidden = false;
    undo.onclick = async () => { undo.hidden = true; await act(each, "restore"); load(); };
    load();
  }

  async function begin(each) {
    const found = await act(each, "use");
    if (found) { go("Dream"); mine("dream").stage.set(found); }
  }
}
