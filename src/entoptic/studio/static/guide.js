// A guide: another picture, whose features are to appear.
import { chooser, drops, make, tool } from "./elements.js";
import { address, send } from "./server.js";
import { mine } from "./tabs.js";

export function guide({ element, tab }) {
  const own = mine(tab);
  const image = make("img", { alt: "The guide", hidden: true });
  const choose = chooser("image/*", take);
  const off = tool("Without it", () => { own.guide = null; draw(); }, { hidden: true });
  const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
  const box = make("section", { class: "guide", "aria-label": "Guide" }, make("div", { class: "caption" }, "Guide", make("small", {}, "another picture, whose features are to appear")),
    make("div", { class: "side" }, image, tool("Choose a picture", () => choose.click()), off, choose), wrong);
  element.replaceChildren(box);
  own.guided = (name) => { own.guide = name; draw(); };
  drops(box, take);

  async function take(file) {
    wrong.hidden = true;
    try { own.guide = (await send("photos", file)).name; } catch (error) { wrong.textContent = error.message; wrong.hidden = false; }
    draw();
  }
  function draw() {
    image.hidden = off.hidden = !own.guide;
    if (own.guide) image.src = address(`photos/${encodeURIComponent(own.guide)}`, { small: true });
    own.stage?.settings();
  }
}
