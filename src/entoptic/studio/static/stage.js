// The stage: a photo, the picture that grows out of it, and what is done with them.
import { beside } from "./beside.js";
import { camera } from "./camera.js";
import { button, chooser, drops, make, pressed, tool } from "./elements.js";
import { renew } from "./history.js";
import { enters, escape } from "./keys.js";
import { masking } from "./mask.js";
import { sentence, sparkline } from "./progress.js";
import { address, example, kept, ready, send } from "./server.js";
import { mine, state, takeOver } from "./tabs.js";

export function stage({ element, props, trigger, watch, tab, photo, mask, verb, preview }) {
  const own = mine(tab);
  const before = make("img", { class: "before", alt: "The photo" });
  const after = make("img", { class: "after", alt: "The picture" });
  const film = make("video", { class: "after", controls: true, loop: true, playsinline: true, muted: true });
  const wipe = make("input", { type: "range", min: 0, max: 100, value: 50, class: "wipe", "aria-label": "Before and after", oninput: () => frame.style.setProperty("--at", `${wipe.value}%`) });
  const choose = chooser(preview ? "image/*,video/*" : "image/*", take);
  const empty = make("div", { class: "void" },
    make("p", { class: "large" }, photo ? (preview ? "Drop a photo or a film here" : "Drop a photo here") : "Choose a unit, and see what it looks for"),
    ...(photo ? [make("p", { class: "side" },
      button(preview ? "Choose a file" : "Choose a photo", () => choose.click(), { class: "plain" }),
      button("Example", () => set({ name: example, height: 640, width: 960 }), { class: "plain" }),
      ...(preview ? [] : [button("Noise", () => noise([512, 768]), { class: "plain" })]),
      button("Camera", () => camera(frame, take, told), { class: "plain" }))] : []));
  const frame = make("div", { class: "frame", "data-tab": tab });
  const { paint, painting, brushes, paints, clear } = masking({ frame, own, tab, begins: painted, changed, told });
  frame.append(empty, before, after, film, paint, wipe);
  const { bench, keep, draw: besides } = beside({ frame, own, tab, told, put: putAway });
  const begin = button(verb, () => go("begin"), { class: "primary", id: `${tab}-begin` });
  const look = preview ? button("Preview", () => go("preview"), { class: "plain", id: `${tab}-preview` }) : null;
  const stop = button("Stop", () => { stop.disabled = true; status.textContent = "Stopping"; trigger("stop"); }, { class: "plain", hidden: true, id: `${tab}-stop` });
  const goOn = button("Go on", () => go("goon"), { class: "plain", hidden: true, id: `${tab}-goon` });
  const bar = make("div", { class: "meter", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, make("i"));
  const status = make("span", { class: "status", role: "status" });
  const curve = make("div", { class: "curve", title: "Score, step by step" });
  const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
  const notes = make("p", { class: "notes", hidden: true });
  const another = tool("Another photo", () => set(null), { hidden: true });
  const compare = tool("Before and after", () => compares(!frame.classList.contains("comparing")), { hidden: true, "aria-pressed": "false", id: `${tab}-compare` });
  const use = tool("Dream on from here", dreamOn, { hidden: true, title: "Begin again with this picture" });
  const save = make("a", { class: "tool", hidden: true, download: true }, "Download");
  const star = tool("Star", async () => {
    await kept(own.result, pressed(star) ? "unstar" : "star");
    star.setAttribute("aria-pressed", String(!pressed(star)));
  }, { hidden: true, "aria-pressed": "false" });
  const theirs = tool("Use its settings", () => takeOver(own.shape.name, "photos", own.shape.made_by, tab), { hidden: true, id: `${tab}-settings` });
  element.replaceChildren(make("section", { class: "stage", "aria-label": verb },
    bench, bar,
    make("div", { class: "deed" }, begin, look, stop, goOn, status, curve),
    wrong, notes,
    make("div", { class: "tools" }, mask ? painting : null, brushes, another, theirs, compare, tab === "visualize" ? keep : null, use, star, save), choose));
  if (photo) drops(frame, take);
  escape(element, () => {
    const [painted, compared] = ["painting", "comparing"].map((each) => frame.classList.contains(each));
    paints(false);
    compares(false);
    return painted || compared;
  });
  ready.then(() => enters(element.closest(".room"), () => go("begin")));
  let besideOf = null;   // the result of which it is said how it differs
  own.stage = { set, told, send: go, settings: changed };
  draw();

  function changed() { ready.then(() => trigger("changed")); }

  // What was made is kept beside the next, and is no longer in the frame.
  function putAway() {
    own.result = null;
    frame.classList.remove("grown");
    draw();
  }

  // Before there is a mask to paint, what was made is put away.
  function painted() {
    compares(false);
    frame.classList.remove("grown");
    draw();
  }

  async function go(event) {
    told(null);
    if (photo && event !== "goon" && event !== "settings" && !own.photo && !own.noise && !own.film) { told(preview ? "Choose a photo or a film first." : "Choose a photo first."); return; }
    if (!photo && event === "begin" && !state(tab).units.length) { told("Choose a unit first: a layer, then one of its units."); return; }
    if (event !== "settings") {
      if (element.classList.contains("running")) return;  // a second click
      running(true);
      status.textContent = "Beginning";
    }
    await own.masking;  // a mask may be on its way
    trigger(event);
  }

  function told(error) {
    wrong.hidden = !error;
    wrong.textContent = error || "";
  }

  async function take(file) {
    told(null);
    frame.classList.add("busy");
    try {
      const kind = preview && file.type.startsWith("video/") ? "films" : "photos";
      set(await send(kind, file));
    } catch (error) {
      told(error.message);
    } finally {
      frame.classList.remove("busy");
    }
  }

  function set(chosen) {
    own.photo = chosen && !chosen.film ? chosen : null;
    own.film = chosen?.film ? chosen.name : null;
    own.shape = chosen;
    own.recipe = preview ? (own.film ? "film" : "zoom") : null;
    own.noise = null;
    own.result = null;
    clear();
    own.mask = null;
    paints(false);
    draw();
    changed();
  }

  function noise(size) {
    set(null);
    own.noise = size;
    draw();
    changed();
  }

  async function dreamOn() {
    try {
      set(await kept(own.result, "use"));
    } catch (error) {
      told(error.message);
    }
  }

  // Show what there is.
  function draw() {
    const has = own.photo || own.noise || own.film;
    if (preview) element.closest(".room").dataset.recipe = own.recipe || "zoom";
    const begun = own.photo?.name || own.film;   // of a film its first frame
    const other = own.shownPhoto !== begun;
    empty.hidden = Boolean(has) || frame.classList.contains("grown");
    before.hidden = !begun;
    if (begun && other) before.src = address(`photos/${encodeURIComponent(begun)}`);
    if (other) frame.classList.remove("grown", "moving");
    own.shownPhoto = begun;
    if (own.shape) frame.style.setProperty("--ratio", own.shape.width / own.shape.height);
    else if (own.noise) frame.style.setProperty("--ratio", own.noise[1] / own.noise[0]);
    else if (!photo) frame.style.setProperty("--ratio", 1);
    else frame.style.removeProperty("--ratio");
    frame.classList.toggle("noise", Boolean(own.noise));
    frame.classList.toggle("filled", Boolean(has));
    another.hidden = !has;
    another.textContent = own.film ? "Another film" : "Another photo";
    painting.hidden = !own.photo;
    theirs.hidden = !own.shape?.made_by;
    after.hidden = !frame.classList.contains("grown") || frame.classList.contains("moving");
    film.hidden = !frame.classList.contains("moving");
    for (const each of [use, star, save]) each.hidden = !own.result;
    use.hidden ||= tab !== "dream";
    compare.hidden = !(own.result && own.photo) || tab !== "dream";
    if (own.result) {
      save.href = address(`history/${encodeURIComponent(own.result)}`, { save: true });
      save.setAttribute("download", own.result);
    } else {
      compares(false);
      star.setAttribute("aria-pressed", "false");
    }
    if (besideOf !== own.result) { besideOf = own.result; besides(); }
  }

  function compares(on) {
    frame.classList.toggle("comparing", on);
    compare.setAttribute("aria-pressed", String(on));
    if (on) { wipe.value = 50; frame.style.setProperty("--at", "50%"); }
  }

  function note(texts) {
    notes.hidden = !texts.length;
    notes.textContent = texts.join(" · ");
  }

  // A run

  function running(on) {
    begin.hidden = on;
    if (look) look.hidden = on;
    stop.hidden = !on;
    stop.disabled = false;
    element.classList.toggle("running", on);
  }

  watch("value", () => {
    const run = props.value;
    if (!run?.kind) return;
    own.last = run;
    if (run.kind === "error") { running(false); told(run.error); status.textContent = ""; return; }
    if (run.kind === "settings") { told(run.error); if (!run.error) given(run); return; }
    const ended = ["stopped", "done", "failed"].includes(run.state);
    running(!ended);
    goOn.hidden = !(run.state === "stopped" && run.result);
    told(run.error);
    bar.firstChild.style.width = `${run.share * 100}%`;
    bar.setAttribute("aria-valuenow", Math.round(run.share * 100));
    if (run.picture) {
      after.src = run.picture;
      frame.classList.add("grown");
      frame.classList.remove("moving");
      paints(false);
      if (!own.photo && !own.noise) after.onload = () => frame.style.setProperty("--ratio", after.naturalWidth / after.naturalHeight);
    }
    sparkline(curve, run.scores);
    status.textContent = sentence(run);
    note(run.notes);
    own.result = ended ? run.result : null;
    if (ended && run.result) {
      if (run.result.endsWith(".mp4")) {
        film.src = address(`history/${encodeURIComponent(run.result)}`);
        frame.classList.add("moving");
        film.play().catch(() => {});
      } else {
        after.src = address(`history/${encodeURIComponent(run.result)}`);
      }
      own.texts?.(run.again);
      renew();
    }
    draw();
  });

  // The settings of a picture: its photo, its mask and its units; Python sets the rest.
  function given(found) {
    own.look = null;
    if (found.model !== own.model) own.network(found.model);
    own.expression = [found.objective || found.units || ""].flat()[0];
    own.units = [];
    own.layer = found.layer || null;
    const begun = found.photo || found.film, shape = { height: found.height, width: found.width };
    if (found.noise) noise(found.noise);
    if (begun && begun !== own.shape?.name) set({ name: begun, film: Boolean(found.film), ...shape });
    own.mask = found.mask || null;
    frame.classList.toggle("masked", Boolean(own.mask));
    own.picker();
    own.guided?.(found.guide || null);
    own.keeps(found.kept);
    status.textContent = "Its settings are set.";
    note(found.left_out.length ? [`Not taken over: ${found.left_out.join("; ")}.`] : []);
    changed();
  }
}
