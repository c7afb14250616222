// A mask, painted with the mouse or a finger, or set by buttons: only there it is dreamt.
import { make, pressed, tool } from "./elements.js";
import { send } from "./server.js";

const KEPT = 20;   // changes that can be undone

// Return the canvas to paint on, and the tools for it.
// `begins` is told when painting begins, `changed` when there is another mask, `told` what is wrong.
export function masking({ frame, own, tab, begins, changed, told }) {
  const paint = make("canvas", { class: "paint", "aria-label": "Mask: paint where to dream" });
  const context = paint.getContext("2d", { willReadFrequently: true });
  const size = make("input", { type: "range", min: 4, max: 200, value: 60, "aria-label": "Brush" });
  const painting = tool("Paint a mask", () => paints(!frame.classList.contains("painting")), { "aria-pressed": "false", title: "Dream only where you paint", id: `${tab}-mask` });
  const erasing = tool("Erase", () => erasing.setAttribute("aria-pressed", String(!pressed(erasing))), { "aria-pressed": "false" });
  const undoing = tool("Undo", undo, { disabled: true, id: `${tab}-mask-undo` });
  const shape = (text, draw) => tool(text, () => changes(() => { dips(); draw(paint.width, paint.height); }));
  const brushes = make("span", { class: "brushes", hidden: true, role: "group", "aria-label": "Mask" }, size, erasing, undoing,
    shape("All", (width, height) => context.fillRect(0, 0, width, height)),
    shape("Top half", (width, height) => context.fillRect(0, 0, width, height / 2)),
    shape("Bottom half", (width, height) => context.fillRect(0, height / 2, width, height / 2)),
    shape("Center", (width, height) => { context.beginPath(); context.ellipse(width / 2, height / 2, width / 3, height / 3, 0, 0, 2 * Math.PI); context.fill(); }),
    tool("Invert", () => changes(() => { context.globalCompositeOperation = "xor"; context.fillStyle = ink(); context.fillRect(0, 0, paint.width, paint.height); })),
    tool("Clear", () => changes(() => context.clearRect(0, 0, paint.width, paint.height))));
  const before = [];   // what was painted, before each change
  let last = null;
  paint.addEventListener("pointerdown", (event) => { event.preventDefault(); paint.setPointerCapture(event.pointerId); remember(); last = null; stroke(event); });
  paint.addEventListener("pointermove", (event) => { if (event.buttons) for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(each); });
  for (const ended of ["pointerup", "pointercancel"]) paint.addEventListener(ended, () => { last = null; masked(); });
  for (const each of [frame, brushes]) each.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || brushes.hidden) return;
    event.preventDefault();
    undo();
  });
  return { paint, painting, brushes, paints, clear };

  function paints(on) {
    frame.classList.toggle("painting", on);
    painting.setAttribute("aria-pressed", String(on));
    brushes.hidden = !on;
    if (!on) return;
    if (!paint.width || paint.dataset.of !== own.photo.name) clear();
    begins();
  }

  function clear() {
    before.length = 0;
    undoing.disabled = true;
    if (!own.photo) { paint.width = paint.height = 0; return; }
    const ratio = Math.min(1, 1024 / Math.max(own.photo.width, own.photo.height));
    paint.width = Math.round(own.photo.width * ratio);
    paint.height = Math.round(own.photo.height * ratio);
    paint.dataset.of = own.photo.name;
  }

  // Change what is painted, at once.
  function changes(change) {
    remember();
    change();
    masked();
  }

  function remember() {
    before.push(context.getImageData(0, 0, paint.width, paint.height));
    if (before.length > KEPT) before.shift();
    undoing.disabled = false;
  }

  function undo() {
    if (!before.length) return;
    context.putImageData(before.pop(), 0, 0);
    undoing.disabled = !before.length;
    masked();
  }

  // Paint, or erase, with what is drawn next.
  function dips() {
    context.globalCompositeOperation = pressed(erasing) ? "destination-out" : "source-over";
    context.strokeStyle = context.fillStyle = ink();
  }

  function ink() { return getComputedStyle(frame).getPropertyValue("--paint") || "#ff8a3c"; }

  function place(event) {
    const box = paint.getBoundingClientRect();
    return [(event.clientX - box.left) * paint.width / box.width, (event.clientY - box.top) * paint.height / box.height];
  }

  function stroke(event) {
    const to = place(event);
    dips();
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = Number(size.value) * paint.width / 1024 * 2;
    context.beginPath();
    context.moveTo(...(last || to));
    context.lineTo(to[0] + 0.01, to[1]);
    context.stroke();
    last = to;
  }

  // Send the mask: white where it is painted, black elsewhere.
  async function masked() {
    const flat = make("canvas", { width: paint.width, height: paint.height });
    const to = flat.getContext("2d", { willReadFrequently: true });
    to.drawImage(paint, 0, 0);
    const found = to.getImageData(0, 0, flat.width, flat.height);
    let any = false;
    for (let at = 0; at < found.data.length; at += 4) {
      const value = found.data[at + 3];
      any ||= value > 0;
      found.data[at] = found.data[at + 1] = found.data[at + 2] = value;
      found.data[at + 3] = 255;
    }
    to.putImageData(found, 0, 0);
    frame.classList.toggle("masked", any);
    const others = own.masking;
    own.masking = (async () => {
      await others;  // so that the last one is the one that stays
      if (!any) { own.mask = null; return; }
      const blob = await new Promise((done) => flat.toBlob(done, "image/png"));
      try {
        own.mask = (await send("photos", new File([blob], "mask.png"))).name;
      } catch (error) { told(error.message); }
    })();
    await own.masking;
    changed();
  }
}
