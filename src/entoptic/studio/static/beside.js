// Results side by side: those that were kept beside the one that is made next, and how they differ.
import { button, make, tool } from "./elements.js";
import { address, ask } from "./server.js";

const MOST = 2;   // kept beside the next

// Return the bench on which a frame lies, with what is kept beside it.
// `put` is told when the result in the frame was taken away, to be kept beside.
export function beside({ frame, own, tab, told, put }) {
  const words = make("p", { class: "differs" });
  const last = make("div", { class: "next" }, frame, words);
  const bench = make("div", { class: "bench" }, last);
  const keep = tool("Keep beside the next", pin, { hidden: true, title: "Compare it with what you make next", id: `${tab}-pin` });
  const pins = [];
  return { bench, keep, draw };

  function pin() {
    const name = own.result;
    const differs = make("p", { class: "differs" });
    const figure = make("figure", { "data-name": name }, make("img", { src: address(`history/${encodeURIComponent(name)}`), alt: name }),
      make("figcaption", {}, differs, button("×", () => away(each), { class: "away", "aria-label": `Put ${name} away`, title: "Put away" })));
    const each = { name, figure, differs };
    pins.push(each);
    if (pins.length > MOST) away(pins[0]);
    last.before(figure);
    put();
    draw();
  }

  function away(each) {
    pins.splice(pins.indexOf(each), 1);
    each.figure.remove();
    draw();
  }

  // Say in what they differ.
  async function draw() {
    keep.hidden = !own.result;
    bench.classList.toggle("several", pins.length > 0);
    bench.style.setProperty("--count", pins.length + 1);
    words.textContent = "";
    if (!pins.length) return;
    const shown = [...pins, ...(own.result ? [{ name: own.result, differs: words }] : [])];
    try {
      const found = await ask("compare", { names: shown.map((each) => each.name).join(",") });
      shown.forEach((each, at) => { each.differs.textContent = found[at].join(" · "); });
    } catch (error) { told(error.message); }
  }
}
