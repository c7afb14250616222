// The history: what was made, found again, compared, starred, begun with.
import { button, make } from "./elements.js";
import { address, ask, kept, ready } from "./server.js";
import { go, hasPage, mine, takeOver } from "./tabs.js";
import { textsOf } from "./texts.js";

let again = null;

// Read the history anew, where it is shown.
export const renew = () => again?.();

export function history({ element, tab }) {
  let items = [], open = null, pinned = null, starred = false;
  const file = (each, more = {}) => address(`history/${encodeURIComponent(each.name)}`, more);
  const act = async (each, action) => { try { return await kept(each.name, action); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; return null; } };
  const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
  const only = button("Starred", () => { starred = !starred; only.setAttribute("aria-pressed", String(starred)); draw(); }, { class: "tool", "aria-pressed": "false" });
  const undo = button("Take it back", null, { class: "tool", hidden: true });
  const grid = make("div", { class: "gallery" });
  const large = make("div", { class: "large-view", hidden: true });
  element.replaceChildren(make("section", { class: "history", "aria-label": "History" }, make("div", { class: "tools" }, only, undo), wrong, large, grid));
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

  function draw() {
    const shown = items.filter((each) => !starred || each.starred);
    grid.replaceChildren(...shown.map((each) => make("button", { type: "button", class: "kept", "data-name": each.name, "aria-pressed": String(each.name === open?.name), title: each.name, onclick: () => show(each) },
      picture(each, true), each.starred ? make("span", { class: "starred", "aria-label": "Starred" }, "★") : null, each.film ? make("span", { class: "moves", "aria-label": "A film" }, "▶") : null)));
    if (!shown.length) grid.replaceChildren(make("p", { class: "soft" }, starred ? "Nothing is starred yet." : "What you make is kept here."));
  }

  async function show(each) {
    open = each;
    wrong.hidden = true;
    draw();
    let about = { again: {}, recipe: null, facts: [] };
    try { about = await ask(`history/${encodeURIComponent(each.name)}/again`); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; }
    if (open !== each) return;
    const texts = make("div");
    const pair = pinned && pinned.name !== each.name ? [make("figure", {}, picture(pinned), make("figcaption", {}, pinned.name))] : [];
    large.replaceChildren(make("div", { class: "pair" }, ...pair, make("figure", {}, picture(each), make("figcaption", {}, each.name, ...about.facts.map((fact) => make("small", {}, fact))))),
      make("div", { class: "tools" },
        each.film ? null : button("Dream on from here", () => begin(each), { class: "tool" }),
        hasPage(about.recipe) ? button("Use its settings", () => takeOver(each.name, "history", about.recipe), { class: "tool", id: "history-settings" }) : null,
        each.film ? null : button(pinned?.name === each.name ? "Compare with another: choose it" : "Compare", () => { pinned = pinned?.name === each.name ? null : each; show(each); }, { class: "tool", "aria-pressed": String(pinned?.name === each.name) }),
        button("Star", async () => { if (await act(each, each.starred ? "unstar" : "star")) { each.starred = !each.starred; show(each); } }, { class: "tool", id: "history-star", "aria-pressed": String(each.starred) }),
        make("a", { class: "tool", href: file(each, { save: true }), download: each.name }, "Download"),
        button("Delete", () => drop(each), { class: "tool" }), button("Close", () => { open = null; large.hidden = true; draw(); }, { class: "tool" })), texts);
    textsOf({ element: texts })(about.again);
    large.hidden = false;
    large.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  async function drop(each) {
    if (!await act(each, "delete")) return;
    open = null;
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
