// A mask, painted with the mouse or a finger: only there it is dreamt.
import { button, make, pressed, tool } from "./elements.js";
import { send } from "./server.js";

// Return the canvas to paint on, and the tools for it.
// `begins` is told when painting begins, `changed` when there is another mask, `told` what is wrong.
export function masking({ frame, own, tab, begins, changed, told }) {
  const paint = make("canvas", { class: "paint", "aria-label": "Mask: paint where to dream" });
  const context = paint.getContext("2d");
  const size = make("input", { type: "range", min: 4, max: 200, value: 60, "aria-label": "Brush" });
  const painting = tool("Paint a mask", () => paints(!frame.classList.contains("painting")), { "aria-pressed": "false", title: "Dream only where you paint", id: `${tab}-mask` });
  const erasing = tool("Erase", () => erasing.setAttribute("aria-pressed", String(!pressed(erasing))), { "aria-pressed": "false" });
  const brushes = make("span", { class: "brushes", hidden: true }, size, erasing,
    tool("Invert", invert), tool("Clear", () => { clear(); masked(); }));
  let last = null;
  paint.addEventListener("pointerdown", (event) => { event.preventDefault(); paint.setPointerCapture(event.pointerId); last = null; stroke(event); });
  paint.addEventListener("pointermove", (event) => { if (event.buttons) for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(each); });
  paint.addEventListener("pointerup", () => { last = null; masked(); });
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
    if (!own.photo) { paint.width = paint.height = 0; return; }
    const ratio = Math.min(1, 1024 / Math.max(own.photo.width, own.photo.height));
    paint.width = Math.round(own.photo.width * ratio);
    paint.height = Math.round(own.photo.height * ratio);
    paint.dataset.of = own.photo.name;
  }

  function invert() {
    context.globalCompositeOperation = "xor";
    context.fillStyle = ink();
    context.fillRect(0, 0, paint.width, paint.height);
    context.globalCompositeOperation = "source-over";
    masked();
  }

  function ink() { return getComputedStyle(frame).getPropertyValue("--paint") || "#ff8a3c"; }

  function place(event) {
    const box = paint.getBoundingClientRect();
    return [(event.clientX - box.left) * paint.width / box.width, (event.clientY - box.top) * paint.height / box.height];
  }

  function stroke(event) {
    const to = place(event);
    context.globalCompositeOperation = pressed(erasing) ? "destination-out" : "source-over";
    context.strokeStyle = ink();
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
    const to = flat.getContext("2d");
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
    own.masking = (async () => {
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
