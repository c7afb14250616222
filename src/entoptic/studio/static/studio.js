// The studio's own components: the stage, the picker of units, the history and what goes with them.
// Gradio calls each function once, with the element that it may fill.
"use strict";

const Studio = (() => {
  const tabs = {};       // what each tab's own components say, by its name
  let visit = "", example = "", entered;
  const ready = new Promise((done) => { entered = done; });
  const COLUMNS = 5, ROWS = 8;   // units that are asked for at a time

  // Elements

  function make(tag, about = {}, ...inside) {
    const found = document.createElement(tag);
    for (const [name, value] of Object.entries(about)) {
      if (name.startsWith("on")) found.addEventListener(name.slice(2), value);
      else if (value === true) found.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) found.setAttribute(name, value);
    }
    found.append(...inside.filter((each) => each !== null));
    return found;
  }

  const button = (text, press, about = {}) => make("button", { type: "button", onclick: press, ...about }, text);
  const address = (path, more = {}) => `studio/${path}?${new URLSearchParams({ visit, ...more })}`;

  async function ask(path, more = {}, how = {}) {
    await ready;
    let answer;
    try {
      answer = await fetch(address(path, more), how);
    } catch {
      throw new Error("The studio doesn't answer; was its command ended?");
    }
    if (answer.ok && answer.headers.get("content-type").startsWith("image/")) return URL.createObjectURL(await answer.blob());
    const text = await answer.text();
    if (answer.ok) return JSON.parse(text);
    let told = text;
    try { told = JSON.parse(text).error; } catch { /* a text of the server's */ }
    throw new Error(told || `The studio answers ${answer.status}.`);
  }

  const mine = (tab) => (tabs[tab] ??= { units: [], layer: null, model: null, expression: "", photo: null, noise: null, mask: null, guide: null, result: null });
  const minutes = (seconds) => seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;

  // What goes along to Python: settings of the recipe, by name.
  function state(tab) {
    const own = mine(tab), found = { result: own.result, source: own.source, shelf: own.shelf };
    if (own.film) found.film = own.film;
    else if (own.photo) found.photo = own.photo.name;
    if (own.noise) found.noise = own.noise;
    if (own.mask) found.mask = own.mask;
    if (own.guide) found.guide = own.guide;
    if (own.recipe) found.recipe = own.recipe;
    const blend = own.units.map((each) => each.weight === 1 ? each.name : `${each.weight} * ${each.name}`).join(" + ").replaceAll("+ -", "- ");
    if (tab === "visualize") {
      found.units = own.expression ? [own.expression] : own.units.map((each) => each.name);
    } else if (own.expression || blend) {
      found.objective = own.expression || blend;
    } else if (own.layer) {
      found.layer = own.layer;
    }
    return found;
  }

  function along(tab, given) {
    return [...given.slice(0, -1), state(tab)];
  }

  // The head of the page

  function top({ element, props, watch }) {
    element.replaceChildren(make("header", { class: "masthead" },
      make("h1", {}, "entoptic"), make("span", {}, "see what a neural network sees"),
      button("", theme, { class: "lamp", "aria-label": "Light or dark", title: "Light or dark", id: "theme" })));
    const greeted = () => {
      if (props.value?.kind !== "hello") return;
      visit = props.value.visit;
      example = props.value.example;
      entered();
    };
    watch("value", greeted);
    greeted();  // it may have come before this script
  }

  function theme() {
    const dark = document.body.classList.toggle("dark");
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }

  // The stage: a photo, the picture that grows out of it, and what is done with them

  function stage({ element, props, trigger, watch, tab, photo, mask, verb, preview }) {
    const own = mine(tab);
    const before = make("img", { class: "before", alt: "The photo" });
    const after = make("img", { class: "after", alt: "The picture" });
    const film = make("video", { class: "after", controls: true, loop: true, playsinline: true, muted: true });
    const paint = make("canvas", { class: "paint", "aria-label": "Mask: paint where to dream" });
    const wipe = make("input", { type: "range", min: 0, max: 100, value: 50, class: "wipe", "aria-label": "Before and after", oninput: () => frame.style.setProperty("--at", `${wipe.value}%`) });
    const choose = make("input", { type: "file", accept: preview ? "image/*,video/*" : "image/*", hidden: true, onchange: () => { if (choose.files[0]) take(choose.files[0]); choose.value = ""; } });
    const empty = make("div", { class: "void" },
      make("p", { class: "large" }, photo ? (preview ? "Drop a photo or a film here" : "Drop a photo here") : "Choose a unit, and see what it looks for"),
      ...(photo ? [make("p", { class: "side" },
        button("Choose a photo", () => choose.click(), { class: "plain" }),
        button("Example", () => set({ name: example, height: 640, width: 960 }), { class: "plain" }),
        ...(preview ? [] : [button("Noise", noise, { class: "plain" })]),
        button("Camera", camera, { class: "plain" }))] : []));
    const frame = make("div", { class: "frame", "data-tab": tab }, empty, before, after, film, paint, wipe);
    const begin = button(verb, () => send("begin"), { class: "primary", id: `${tab}-begin` });
    const look = preview ? button("Preview", () => send("preview"), { class: "plain", id: `${tab}-preview` }) : null;
    const stop = button("Stop", () => { stop.disabled = true; status.textContent = "Stopping"; trigger("stop"); }, { class: "plain", hidden: true, id: `${tab}-stop` });
    const goOn = button("Go on", () => send("goon"), { class: "plain", hidden: true, id: `${tab}-goon` });
    const bar = make("div", { class: "meter", role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, make("i"));
    const status = make("span", { class: "status", role: "status" });
    const curve = make("div", { class: "curve", title: "Score, step by step" });
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const notes = make("p", { class: "notes", hidden: true });
    const size = make("input", { type: "range", min: 4, max: 200, value: 60, "aria-label": "Brush" });
    const tool = (text, press, about = {}) => button(text, press, { class: "tool", ...about });
    const painting = tool("Paint a mask", () => paints(!frame.classList.contains("painting")), { "aria-pressed": "false", title: "Dream only where you paint", id: `${tab}-mask` });
    const erasing = tool("Erase", () => erasing.setAttribute("aria-pressed", String(!pressed(erasing))), { "aria-pressed": "false" });
    const brushes = make("span", { class: "brushes", hidden: true }, size, erasing,
      tool("Invert", invert), tool("Clear", () => { clear(); masked(); }));
    const another = tool("Another photo", () => set(null), { hidden: true });
    const compare = tool("Before and after", () => compares(!frame.classList.contains("comparing")), { hidden: true, "aria-pressed": "false", id: `${tab}-compare` });
    const use = tool("Dream on from here", dreamOn, { hidden: true, title: "Begin again with this picture" });
    const save = make("a", { class: "tool", hidden: true, download: true }, "Download");
    const star = tool("Star", async () => {
      await ask(`history/${encodeURIComponent(own.result)}/${pressed(star) ? "unstar" : "star"}`, {}, { method: "POST" });
      star.setAttribute("aria-pressed", String(!pressed(star)));
    }, { hidden: true, "aria-pressed": "false" });
    const theirs = tool("Use its settings", () => { own.source = own.photo.name; own.shelf = "photos"; send("settings"); }, { hidden: true, id: `${tab}-settings` });
    element.replaceChildren(make("section", { class: "stage", "aria-label": verb },
      frame, bar,
      make("div", { class: "deed" }, begin, look, stop, goOn, status, curve),
      wrong, notes,
      make("div", { class: "tools" }, mask ? painting : null, brushes, another, theirs, compare, use, star, save), choose));
    const context = paint.getContext("2d");
    own.stage = { set, told, send, settings: () => changed() };
    draw();

    const pressed = (each) => each.getAttribute("aria-pressed") === "true";
    function changed() { if (entered) ready.then(() => trigger("changed")); }

    function send(event) {
      told(null);
      if (photo && event !== "goon" && event !== "settings" && !own.photo && !own.noise && !own.film) { told("Choose a photo first."); return; }
      if (!photo && event === "begin" && !state(tab).units.length) { told("Choose a unit first: a layer, then one of its units."); return; }
      if (event !== "settings") {
        if (element.classList.contains("running")) return;  // a second click
        running(true);
        status.textContent = "Beginning";
      }
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
        set(await ask(kind, { name: file.name }, { method: "POST", body: file }));
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

    function noise() {
      set(null);
      own.noise = [512, 768];
      draw();
      changed();
    }

    async function camera() {
      told(null);
      let stream;
      try {
        stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: 1280 } });
      } catch {
        told("There is no camera, or the browser may not use it.");
        return;
      }
      const view = make("video", { autoplay: true, playsinline: true, muted: true });
      view.srcObject = stream;
      const end = () => { stream.getTracks().forEach((each) => each.stop()); box.remove(); };
      const box = make("div", { class: "camera" }, view, make("p", { class: "side" },
        button("Take the photo", () => {
          const shot = make("canvas", { width: view.videoWidth, height: view.videoHeight });
          shot.getContext("2d").drawImage(view, 0, 0);
          shot.toBlob((blob) => { end(); take(new File([blob], "camera.jpg")); }, "image/jpeg", 0.93);
        }, { class: "primary" }), button("Cancel", end, { class: "plain" })));
      frame.append(box);
    }

    async function dreamOn() {
      try {
        set(await ask(`history/${encodeURIComponent(own.result)}/use`, {}, { method: "POST" }));
      } catch (error) {
        told(error.message);
      }
    }

    // Show what there is.
    function draw() {
      const has = own.photo || own.noise || own.film;
      own.clip?.remove();
      own.clip = own.film ? make("p", { class: "clip" }, own.film) : null;
      if (own.clip) frame.append(own.clip);
      const shown = own.shownPhoto !== own.photo?.name;
      empty.hidden = Boolean(has) || frame.classList.contains("grown");
      before.hidden = !own.photo;
      if (own.photo && shown) before.src = address(`photos/${encodeURIComponent(own.photo.name)}`);
      if (shown) frame.classList.remove("grown", "moving");
      own.shownPhoto = own.photo?.name;
      if (own.shape) frame.style.setProperty("--ratio", own.shape.width / own.shape.height);
      else if (own.noise) frame.style.setProperty("--ratio", own.noise[1] / own.noise[0]);
      else if (!photo) frame.style.setProperty("--ratio", 1);
      else frame.style.removeProperty("--ratio");
      frame.classList.toggle("noise", Boolean(own.noise));
      frame.classList.toggle("filled", Boolean(has));
      another.hidden = !has;
      painting.hidden = !own.photo;
      theirs.hidden = !own.photo?.entoptic;
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
    }

    function compares(on) {
      frame.classList.toggle("comparing", on);
      compare.setAttribute("aria-pressed", String(on));
      if (on) { wipe.value = 50; frame.style.setProperty("--at", "50%"); }
    }

    // The mask

    function paints(on) {
      frame.classList.toggle("painting", on);
      painting.setAttribute("aria-pressed", String(on));
      brushes.hidden = !on;
      if (on) {
        compares(false);
        if (!paint.width || paint.dataset.of !== own.photo.name) clear();
        frame.classList.remove("grown");
        draw();
      }
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

    const ink = () => getComputedStyle(frame).getPropertyValue("--paint") || "#ff8a3c";

    function place(event) {
      const box = paint.getBoundingClientRect();
      return [(event.clientX - box.left) * paint.width / box.width, (event.clientY - box.top) * paint.height / box.height];
    }

    let last = null;
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
    paint.addEventListener("pointerdown", (event) => { event.preventDefault(); paint.setPointerCapture(event.pointerId); last = null; stroke(event); });
    paint.addEventListener("pointermove", (event) => { if (event.buttons) for (const each of event.getCoalescedEvents?.() ?? [event]) stroke(each); });
    paint.addEventListener("pointerup", () => { last = null; masked(); });

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
          own.mask = (await ask("photos", { name: "mask.png" }, { method: "POST", body: blob })).name;
        } catch (error) { told(error.message); }
      })();
      await own.masking;
      changed();
    }

    // Dropping and pasting

    if (photo) {
      frame.addEventListener("dragover", (event) => { event.preventDefault(); frame.classList.add("over"); });
      frame.addEventListener("dragleave", () => frame.classList.remove("over"));
      frame.addEventListener("drop", (event) => {
        event.preventDefault();
        frame.classList.remove("over");
        const file = event.dataTransfer.files[0];
        if (file) take(file);
      });
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
      notes.hidden = !run.notes.length;
      notes.textContent = run.notes.join(" · ");
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
        history.again?.();
      }
      draw();
    });

    // The settings of a picture: its photo, its mask and its units; Python sets the rest.
    function given(found) {
      own.expression = found.objective || "";
      own.units = [];
      own.layer = found.layer || null;
      if (found.photo && found.photo !== own.photo?.name) set({ name: found.photo, height: found.height, width: found.width });
      own.mask = found.mask || null;
      frame.classList.toggle("masked", Boolean(own.mask));
      own.picker?.(found.model);
      status.textContent = "Its settings are set.";
    }
  }

  function sentence(run) {
    if (run.state === "waiting") return run.ahead ? `Waiting: ${run.ahead} before you` : "Waiting";
    if (run.state === "failed") return "";
    if (run.state === "working") {
      if (!run.done) return "Preparing the network";
      const left = run.left === null || run.done < 2 ? "" : ` · ${minutes(run.left)} left`;
      return `${run.stage} · ${run.done} of ${run.count}${left}`;
    }
    const kept = run.result ? ` · kept as ${run.result}` : "";
    return run.state === "done" ? `Done in ${minutes(run.took)}${kept}` : run.done ? `Stopped after ${run.done} of ${run.count}${kept}` : "Stopped";
  }

  function sparkline(into, scores) {
    if (scores.length < 2) { into.replaceChildren(); return; }
    const low = Math.min(...scores), span = Math.max(...scores) - low || 1;
    const points = scores.map((score, at) => `${(at / (scores.length - 1) * 100).toFixed(1)},${(27 - (score - low) / span * 24).toFixed(1)}`);
    into.innerHTML = `<svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img" aria-label="Score: ${scores.at(-1).toPrecision(3)}"><polyline points="${points.join(" ")}"/></svg>`;
  }

  // The picker: layers as a strip, early to late, and the units of one of them

  function picker({ element, trigger, tab, blend }) {
    const own = mine(tab);
    const strip = make("div", { class: "strip", role: "listbox", "aria-label": "Layers, early to late" });
    const find = make("input", { type: "search", placeholder: "Number", "aria-label": "Search units", oninput: () => show() });
    const whole = button("The whole layer", () => { own.units = []; own.layer = layer.layer; picked(); }, { class: "tool", "aria-pressed": "false" });
    const grid = make("div", { class: "units" });
    const chips = make("div", { class: "chips" });
    const more = button("More units", () => { shown += COLUMNS * ROWS; show(); }, { class: "tool more" });
    const words = make("input", { type: "text", placeholder: blend ? "or an expression: fire7:12 - 2 * total_variation()" : "or an expression: class:goldfish", "aria-label": "Expression", id: `${tab}-expression`,
      onchange: () => { own.expression = words.value.trim(); if (own.expression) { own.units = []; own.layer = null; } picked(); } });
    const inside = make("div", { class: "inside", hidden: true }, make("div", { class: "side" }, blend ? whole : null, find), grid, more);
    element.replaceChildren(make("section", { class: "picker", "aria-label": "What to look for" },
      make("div", { class: "caption" }, blend ? "What to look for" : "Unit", make("small", {}, "early layers to late ones")), strip, inside, chips, words));
    let layers = [], layer = null, shown = COLUMNS * ROWS;
    const { tile, poll } = pictures(element, own, () => layer?.layer);
    own.network = (name) => { own.model = name; own.units = []; own.layer = null; own.expression = words.value = ""; load(); };
    own.picker = () => { words.value = own.expression; marks(); };
    ready.then(async () => {
      own.model ??= document.querySelector(`#${tab}-model input`)?.value;
      await load();
    });

    async function load() {
      layer = null;
      inside.hidden = true;
      try { layers = await ask("layers", { model: own.model }); } catch { return; }
      strip.replaceChildren(...layers.map((each) => mosaic(each, tile, () => open(each))));
      marks();
      poll();
    }

    function open(each) {
      layer = layer === each ? null : each;
      shown = COLUMNS * ROWS;
      find.value = "";
      find.placeholder = each.labels.length ? "Name or number" : `Number, 0 to ${each.channels - 1}`;
      show();
    }

    function show() {
      inside.hidden = !layer;
      if (layer) {
        const sought = find.value.trim().toLowerCase();
        const all = [...Array(layer.channels).keys()].filter((number) => !sought || String(number) === sought || (layer.labels[number] || "").toLowerCase().includes(sought));
        grid.replaceChildren(...all.slice(0, shown).map((number) => make("button", { type: "button", class: "unit", "data-name": `${layer.layer}:${number}`, "aria-pressed": "false",
          "aria-label": layer.labels[number] || `${layer.layer}:${number}`, title: layer.labels[number] || `${layer.layer}:${number}`, onclick: () => toggle(`${layer.layer}:${number}`) },
          tile(layer.layer, number), make("small", {}, layer.labels[number] || String(number)))));
        if (!all.length) grid.replaceChildren(make("p", { class: "soft" }, "No unit of that name or number."));
        more.hidden = all.length <= shown;
      }
      marks();
      poll();
    }

    function toggle(name) {
      const has = own.units.some((each) => each.name === name);
      own.units = has ? own.units.filter((each) => each.name !== name) : [...own.units, { name, weight: 1 }];
      own.layer = null;
      own.expression = words.value = "";
      picked();
    }

    function picked() { marks(); own.stage?.settings(); }

    function marks() {
      for (const each of strip.children) {
        each.setAttribute("aria-selected", String(each.dataset.layer === layer?.layer));
        each.classList.toggle("chosen", each.dataset.layer === own.layer || own.units.some((one) => one.name.startsWith(`${each.dataset.layer}:`)));
      }
      for (const each of grid.querySelectorAll(".unit")) each.setAttribute("aria-pressed", String(own.units.some((one) => one.name === each.dataset.name)));
      whole.setAttribute("aria-pressed", String(Boolean(layer) && own.layer === layer.layer));
      const weights = blend && own.units.length > 1;
      chips.replaceChildren(...own.units.map((each) => make("div", { class: "chip" }, make("b", {}, each.name),
        weights ? make("input", { type: "range", min: -2, max: 2, step: 0.1, value: each.weight, "aria-label": `Weight of ${each.name}`, oninput: (event) => { each.weight = Number(event.target.value); event.target.nextSibling.textContent = each.weight; }, onchange: () => own.stage?.settings() }) : null,
        weights ? make("output", {}, String(each.weight)) : null,
        button("×", () => toggle(each.name), { "aria-label": `Without ${each.name}` }))),
        ...(own.layer ? [make("div", { class: "chip" }, make("b", {}, `${own.layer}, the whole layer`), button("×", () => { own.layer = null; picked(); }, { "aria-label": "Without a layer" }))] : []));
    }
  }

  // Pictures of units in an element: asked for while they are in sight, until all are there.
  function pictures(element, own, foremost) {
    let waiting = null;
    const tile = (name, number) => make("img", { alt: "", "data-unit": `${name}:${number}`, "data-layer": name, "data-number": number });

    async function poll() {
      clearTimeout(waiting);
      if (!element.isConnected) return;
      const lacking = {};
      const hidden = !element.offsetParent;
      for (const each of hidden ? [] : element.querySelectorAll("img[data-unit]:not([src]):not(.broken)")) (lacking[each.dataset.layer] ??= []).push(each);
      const names = Object.keys(lacking);
      // What was asked for last is made first.
      names.sort((one, other) => (one === foremost()) - (other === foremost()));
      for (const name of names) {
        let found;
        try { found = await ask("units", { model: own.model, layer: name, numbers: [...new Set(lacking[name].map((each) => each.dataset.number))].join(",") }); } catch { continue; }
        for (const each of lacking[name]) {
          const how = found[each.dataset.number];
          if (how === "made") each.src = address("unit", { model: own.model, layer: name, number: each.dataset.number });
          else if (how && how !== "wanted") { each.classList.add("broken"); each.title = how; }
        }
      }
      if (names.length || hidden) waiting = setTimeout(poll, 900);
    }
    return { tile, poll };
  }

  const first = (each) => [0, 1, 2, 3].filter((number) => number < each.channels);
  const mosaic = (each, tile, press) => make("button", { type: "button", role: "option", class: "layer", "aria-selected": "false", "data-layer": each.layer, onclick: press },
    make("span", { class: "mosaic" }, ...first(each).map((number) => tile(each.layer, number))), make("span", {}, each.layer));

  // What a network makes of a photo: on the left the photo, on the right what is found in it

  function see({ element }) {
    const own = mine("see");
    const photo = make("img", { class: "before", alt: "The photo", hidden: true });
    const over = make("img", { class: "after", alt: "", hidden: true });
    const cell = make("i", { class: "cell", hidden: true });
    const choose = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => { if (choose.files[0]) take(choose.files[0]); choose.value = ""; } });
    const empty = make("div", { class: "void" }, make("p", { class: "large" }, "Drop a photo here, and see what a network sees in it"),
      make("p", { class: "side" }, button("Choose a photo", () => choose.click(), { class: "plain" }), button("Example", () => set({ name: example, height: 640, width: 960 }), { class: "plain", id: "see-example" })));
    const frame = make("div", { class: "frame", tabindex: 0, "aria-label": "The photo: click a position, or move with the arrows" }, empty, photo, over, cell);
    const caption = make("p", { class: "shown", role: "status" });
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const plain = button("The photo alone", () => show(null), { class: "tool", hidden: true });
    const another = button("Another photo", () => set(null), { class: "tool", hidden: true });
    element.replaceChildren(make("section", { class: "stage", "aria-label": "See" }, frame, caption, wrong, make("div", { class: "tools" }, another, plain), choose));
    own.show = show;
    own.told = told;
    own.mark = mark;

    function told(error) { wrong.hidden = !error; wrong.textContent = error || ""; }

    async function take(file) {
      told(null);
      frame.classList.add("busy");
      try { set(await ask("photos", { name: file.name }, { method: "POST", body: file })); } catch (error) { told(error.message); }
      frame.classList.remove("busy");
    }

    function set(chosen) {
      own.photo = chosen;
      told(null);
      show(null);
      mark(null);
      empty.hidden = Boolean(chosen);
      photo.hidden = !chosen;
      another.hidden = !chosen;
      frame.classList.toggle("filled", Boolean(chosen));
      if (chosen) {
        frame.style.setProperty("--ratio", chosen.width / chosen.height);
        photo.src = address(`photos/${encodeURIComponent(chosen.name)}`);
        caption.textContent = "Click a position in the photo.";
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

    frame.addEventListener("click", (event) => {
      if (!own.photo || event.target.closest("button") || frame.classList.contains("sheet")) return;
      const box = frame.getBoundingClientRect();
      own.at = [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width].map((each) => Math.min(0.999, Math.max(0, each)));
      own.position();
    });
    frame.addEventListener("keydown", (event) => {
      const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
      if (!way || !own.photo) return;
      event.preventDefault();
      const [down, across] = own.at || [0.5, 0.5];
      own.at = [down + way[0] / (own.rows || 13), across + way[1] / (own.columns || 13)].map((each) => Math.min(0.999, Math.max(0, each)));
      own.position();
    });
    frame.addEventListener("dragover", (event) => { event.preventDefault(); frame.classList.add("over"); });
    frame.addEventListener("dragleave", () => frame.classList.remove("over"));
    frame.addEventListener("drop", (event) => {
      event.preventDefault();
      frame.classList.remove("over");
      if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
  }

  function seen({ element }) {
    const own = mine("see");
    const classes = make("div", { class: "classes" });
    const strip = make("div", { class: "strip", role: "listbox", "aria-label": "Layers, early to late" });
    const units = make("div", { class: "channels" });
    const all = button("All feature maps of this layer", () => own.show("maps", { layer: layer.layer }, `All feature maps of ${layer.layer}`), { class: "tool", hidden: true, id: "see-maps" });
    const title = (text, small) => make("div", { class: "caption" }, text, make("small", {}, small));
    const where = title("At a position", "click one in the photo");
    element.replaceChildren(make("section", { class: "picker seen", "aria-label": "What it sees" },
      title("What it takes the photo for", "click one: where it looked"), classes, title("Layer", "early to late"), strip, all, where, units));
    let layers = [], layer = null, asked = 0, unit = null;
    const { tile, poll } = pictures(element, own, () => null);
    own.network = (name) => { own.model = name; load(); };
    own.seen = photo;
    own.position = position;
    ready.then(() => { own.model ??= document.querySelector("#see-model input")?.value; load(); });

    async function load() {
      try { layers = await ask("layers", { model: own.model }); } catch { return; }
      layer = layers[Math.floor(layers.length / 2)];
      strip.replaceChildren(...layers.map((each) => mosaic(each, tile, () => choose(each))));
      marks();
      strip.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest", inline: "center" });
      poll();
      photo();
    }

    function marks() {
      for (const each of strip.children) each.setAttribute("aria-selected", String(each.dataset.layer === layer?.layer));
      all.hidden = !own.photo;
    }

    function choose(each) {
      layer = each;
      marks();
      if (own.at) position();
    }

    async function photo() {
      classes.replaceChildren();
      units.replaceChildren();
      own.at = null;
      marks();
      if (!own.photo) { classes.replaceChildren(make("p", { class: "soft" }, "Choose a photo first.")); return; }
      let found;
      try { found = await ask("see/classes", { model: own.model, photo: own.photo.name }); } catch (error) { classes.replaceChildren(make("p", { class: "soft" }, error.message)); return; }
      classes.replaceChildren(...found.map((each) => make("button", { type: "button", class: "class", onclick: () => own.show("looked", { number: each.number }, `Where the score of “${each.label}” depends on the photo most`) },
        make("span", {}, each.label), make("b", {}, `${(each.probability * 100).toFixed(each.probability < 0.1 ? 1 : 0)} %`), make("i", { style: `width:${Math.max(1, each.probability * 100)}%` }))));
    }

    async function position() {
      const mineNow = ++asked;
      let found;
      try { found = await ask("see/position", { model: own.model, photo: own.photo.name, layer: layer.layer, down: own.at[0], across: own.at[1] }); } catch (error) { own.told(error.message); return; }
      if (mineNow !== asked) return;
      own.told(null);
      own.mark(found);
      [own.rows, own.columns] = [found.rows, found.columns];
      where.lastChild.textContent = `row ${found.row} of ${found.rows}, column ${found.column} of ${found.columns}: the strongest channels of ${layer.layer}`;
      units.replaceChildren(...found.channels.map((each) => make("div", { class: "channel", "data-number": each.number },
        tile(layer.layer, each.number), make("div", {}, make("b", {}, each.label || `${layer.layer}:${each.number}`), make("small", {}, `${each.value.toPrecision(3)}, ${Math.round(each.share * 100)} % of its most`),
          make("div", { class: "side" }, button("Map", () => see1(each, "map"), { class: "tool" }), button("Gradient", () => see1(each, "gradient", { row: found.row, column: found.column }), { class: "tool" }), button("Dream it", () => { unit = each.number; dream(); }, { class: "tool" }))))));
      if (!found.channels.length) units.replaceChildren(make("p", { class: "soft" }, "No channel is active here."));
      poll();
    }

    function see1(each, path, more = {}) {
      const name = `${layer.layer}:${each.number}`;
      own.show(path, { layer: layer.layer, number: each.number, ...more }, path === "map" ? `Feature map of ${name}` : `Gradient of ${name} at the position: middle gray is none`);
    }

    function dream() {
      const to = mine("dream");
      to.stage.set(own.photo);
      to.units = [{ name: `${layer.layer}:${unit}`, weight: 1 }];
      to.layer = null;
      to.expression = "";
      to.picker();
      to.stage.settings();
      go("Dream");
    }
  }

  // A guide: another picture, whose features are to appear

  function guide({ element, tab }) {
    const own = mine(tab);
    const image = make("img", { alt: "The guide", hidden: true });
    const choose = make("input", { type: "file", accept: "image/*", hidden: true, onchange: () => { if (choose.files[0]) take(choose.files[0]); choose.value = ""; } });
    const off = button("Without it", () => { own.guide = null; draw(); }, { class: "tool", hidden: true });
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const box = make("section", { class: "guide", "aria-label": "Guide" }, make("div", { class: "caption" }, "Guide", make("small", {}, "another picture, whose features are to appear")),
      make("div", { class: "side" }, image, button("Choose a picture", () => choose.click(), { class: "tool" }), off, choose), wrong);
    element.replaceChildren(box);
    box.addEventListener("dragover", (event) => event.preventDefault());
    box.addEventListener("drop", (event) => { event.preventDefault(); if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]); });
    async function take(file) {
      wrong.hidden = true;
      try { own.guide = (await ask("photos", { name: file.name }, { method: "POST", body: file })).name; } catch (error) { wrong.textContent = error.message; wrong.hidden = false; }
      draw();
    }
    function draw() {
      image.hidden = off.hidden = !own.guide;
      if (own.guide) image.src = address(`photos/${encodeURIComponent(own.guide)}`, { small: true });
      own.stage?.settings();
    }
  }

  // The command and the Python that do the same

  function texts({ element, props, watch, tab }) {
    const draw = mine(tab).texts = textsOf({ element });
    draw(props.value || {});
    watch("value", () => draw(props.value || {}));
  }

  // Return what shows texts in an element.
  function textsOf({ element }) {
    return draw;
    function draw(found) {
      const part = (title, text) => make("div", { class: "text" }, make("div", { class: "side" }, make("span", { class: "caption" }, title), copy(text)), make("pre", { tabindex: 0 }, text));
      element.replaceChildren(make("section", { class: "texts", "aria-label": "Command and Python" }, ...(found.error ? [make("p", { class: "soft" }, found.error)] : []),
        ...(found.command ? [part("Command", found.command)] : []), ...(found.python ? [part("Python", found.python)] : [])));
    }
    function copy(text) {
      const found = button("Copy", async () => {
        try { await navigator.clipboard.writeText(text); } catch { select(found.closest(".text").querySelector("pre")); return; }
        found.textContent = "Copied";
        setTimeout(() => { found.textContent = "Copy"; }, 1500);
      }, { class: "tool" });
      return found;
    }
    function select(pre) { getSelection().selectAllChildren(pre); }
  }

  // The history: what was made, found again, compared, starred, begun with

  function history({ element, tab }) {
    let items = [], open = null, pinned = null, starred = false;
    const file = (each, more = {}) => address(`history/${encodeURIComponent(each.name)}`, more);
    const act = async (each, action) => { try { return await ask(`history/${encodeURIComponent(each.name)}/${action}`, {}, { method: "POST" }); } catch (error) { wrong.textContent = error.message; wrong.hidden = false; return null; } };
    const wrong = make("p", { class: "wrong", role: "alert", hidden: true });
    const only = button("Starred", () => { starred = !starred; only.setAttribute("aria-pressed", String(starred)); draw(); }, { class: "tool", "aria-pressed": "false" });
    const undo = button("Take it back", null, { class: "tool", hidden: true });
    const grid = make("div", { class: "gallery" });
    const large = make("div", { class: "large-view", hidden: true });
    element.replaceChildren(make("section", { class: "history", "aria-label": "History" }, make("div", { class: "tools" }, only, undo), wrong, large, grid));
    history.again = load;
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
      const page = { dream: "Dream", visualize: "Units" }[about.recipe];
      const texts = make("div");
      const pair = pinned && pinned.name !== each.name ? [make("figure", {}, picture(pinned), make("figcaption", {}, pinned.name))] : [];
      large.replaceChildren(make("div", { class: "pair" }, ...pair, make("figure", {}, picture(each), make("figcaption", {}, each.name, ...about.facts.map((fact) => make("small", {}, fact))))),
        make("div", { class: "tools" },
          each.film ? null : button("Dream on from here", () => begin(each), { class: "tool" }),
          page ? button("Use its settings", () => settings(each, about.recipe, page), { class: "tool", id: "history-settings" }) : null,
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

    function settings(each, recipe, page) {
      const own = mine(recipe);
      own.source = each.name;
      own.shelf = "history";
      go(page);
      own.stage.send("settings");
    }
  }

  function go(page) {
    [...document.querySelectorAll("#tabs [role=tab]")].find((each) => each.textContent.trim() === page)?.click();
    window.scrollTo({ top: 0 });
  }

  const network = (tab, name) => mine(tab).network?.(name);

  return { top, stage, picker, see, seen, guide, texts, history, along, network, last: (tab) => mine(tab).last };
})();
