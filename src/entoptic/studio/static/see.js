// What a network makes of a photo: the photo, a position in it, and what is laid over it.
import { button, chooser, drops, make, tool } from "./elements.js";
import { escape } from "./keys.js";
import { address, ask, example, send } from "./server.js";
import { mine } from "./tabs.js";

export function see({ element }) {
  const own = mine("see");
  const photo = make("img", { class: "before", alt: "The photo", hidden: true });
  const over = make("img", { class: "after", alt: "", hidden: true });
  const cell = make("i", { class: "cell", hidden: true });
  const field = make("i", { class: "field", hidden: true });
  const choose = chooser("image/*", take);
  const empty = make("div", { class: "void" }, make("p", { class: "large" }, "Drop a photo here, and see what a network sees in it"),
    make("p", { class: "side" }, button("Choose a photo", () => choose.click(), { class: "plain" }), button("Example", () => set({ name: example, height: 640, width: 960 }), { class: "plain", id: "see-example" })));
  const frame = make("div", { class: "frame", tabindex: 0, "aria-label": "The photo: click a position, or move with the arrows" }, empty, photo, over, cell, field);
  const caption = make("p", { class: "shown", role: "status" });
  const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
  const plain = tool("The photo alone", () => show(null), { hidden: true });
  const another = tool("Another photo", () => set(null), { hidden: true });
  element.replaceChildren(make("section", { class: "stage", "aria-label": "See" }, frame, caption, wrong, make("div", { class: "tools" }, another, plain), choose));
  own.show = show;
  own.told = told;
  own.mark = mark;
  own.spot = spot;

  function told(error) { wrong.hidden = !error; wrong.textContent = error || ""; }

  async function take(file) {
    told(null);
    frame.classList.add("busy");
    try { set(await send("photos", file)); } catch (error) { told(error.message); }
    frame.classList.remove("busy");
  }

  function set(chosen) {
    own.photo = chosen;
    told(null);
    show(null);
    mark(null);
    spot(null);
    empty.hidden = Boolean(chosen);
    photo.hidden = !chosen;
    another.hidden = !chosen;
    frame.classList.toggle("filled", Boolean(chosen));
    if (chosen) {
      frame.style.setProperty("--ratio", chosen.width / chosen.height);
      photo.src = address(`photos/${encodeURIComponent(chosen.name)}`);
      caption.textContent = own.teaches ? "" : "Click a position in the photo.";
    } else {
      frame.style.removeProperty("--ratio");
      caption.textContent = "";
    }
    own.seen?.();
  }

  // Show a picture in place of the photo; null for the photo itself.
  async function show(path, more, words) {
    plain.hidden = !path;
    if (!path) { over.hidden = true; frame.classList.remove("sheet", "looked"); caption.textContent = ""; return; }
    told(null);
    frame.classList.add("busy");
    try {
      const found = await ask(`see/${path}`, { model: own.model, photo: own.photo.name, ...more });
      URL.revokeObjectURL(over.src);
      over.src = found;
      over.alt = words;
      over.hidden = false;
    } catch (error) { told(error.message); plain.hidden = over.hidden; return; } finally { frame.classList.remove("busy"); }
    frame.classList.toggle("sheet", path === "maps");
    frame.classList.toggle("looked", path === "looked");
    caption.textContent = words;
  }

  function mark(found) {
    cell.hidden = !found;
    if (!found) return;
    Object.assign(cell.style, { left: `${found.column / found.columns * 100}%`, top: `${found.row / found.rows * 100}%`, width: `${100 / found.columns}%`, height: `${100 / found.rows}%` });
  }

  // A receptive field: top, left, height, width as shares of the photo's sides; all else is dimmed.
  function spot(box, words = "") {
    field.hidden = !box;
    if (words) caption.textContent = words;
    if (!box) return;
    const sides = ["top", "left", "height", "width"];
    Object.assign(field.style, Object.fromEntries(sides.map((side, at) => [side, `${box[at] * 100}%`])));
  }

  frame.addEventListener("click", (event) => {
    if (!own.photo || own.teaches || event.target.closest("button") || frame.classList.contains("sheet")) return;
    const box = frame.getBoundingClientRect();
    own.at = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((each) => Math.min(0.999, Math.max(0, each)));
    own.position();
  });
  drops(frame, take);
  escape(element, () => { const shown = !over.hidden; show(null); return shown; });
  frame.addEventListener("keydown", (event) => {
    if (own.teaches) { own.walk(event); return; }
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!way || !own.photo) return;
    event.preventDefault();
    const [down, across] = own.at || [0.5, 0.5];
    own.at = [down + way[0] / (own.rows || 13), across + way[1] / (own.columns || 13)].map((each) => Math.min(0.999, Math.max(0, each)));
    own.position();
  });
}
