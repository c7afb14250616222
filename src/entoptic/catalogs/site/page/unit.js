// The page of one unit, and of two beside each other.
"use strict";

entoptic.unitPage = (() => {
  const { here, numberAt, placeOf, grid, details, labels, picture, file, link, h, image, short, many, unitName } = entoptic;
  const { thumb, aspectOf } = entoptic.pages;
  const remembered = { maps: false };

  // Another unit, small; classes by their labels. Under a heading that names the layer, without it.
  async function small(layer, number, told, { extra, headed } = {}) {
    const names = await labels(layer), label = names && names[placeOf(layer, number)];
    const whole = [label, unitName(layer, number)].filter(Boolean).join(", ");
    return h("a.small", { href: link(layer, number), title: whole }, thumb(layer, number, { alt: whole }), extra,
      h("span.name", {}, h("span", {}, label || (headed ? number : layer.name)), !label && !headed && `:${number}`), h("span.value", {}, told));
  }
  const smalls = async (some) => h("div.smalls", {}, await Promise.all(some));

  function section(title, about, ...inside) {
    return h("section", {}, h("h2", {}, title), about && h("p.quiet", {}, about), inside);
  }

  // A kernel as little squares: what excites and what inhibits, in two colors.
  function kernel([rows, columns], values) {
    return h("svg.kernel", { viewBox: `0 0 ${columns} ${rows}`, role: "img", "aria-label": `kernel of ${rows} by ${columns}` },
      values.map((value, at) => h(value < 0 ? "rect.minus" : "rect.plus", {
        x: at % columns, y: Math.floor(at / columns), width: 1, height: 1, "fill-opacity": Math.abs(value) / 99,
      })));
  }

  // Circuits: the strongest weights from the layer before and to the layer after.
  async function wires(layer, side, one) {
    const other = layer.catalog.named.get(one.layer), before = side === "before";
    const row = async (kind, title) => one[kind].length > 0 && h(`div.wires.${kind}`, {}, h("h3", {}, title),
      await smalls(one[kind].map(([number, total, values]) =>
        small(other, number, short(total), { headed: true, extra: values && kernel(one.kernel, values) }))));
    return section(before ? `From ${one.layer}` : `To ${one.layer}`,
      before ? "Units of the layer before, by the weight with which this one reads them."
        : "Units of the layer after, by the weight with which they read this one.",
      await row("excites", before ? "excited by" : "excites"), await row("inhibits", before ? "inhibited by" : "inhibits"));
  }

  function exemplars(layer, found, kind, title, about) {
    const some = (found.exemplars || []).filter(([one]) => one === kind).map(([, photo, value, crop, map]) => ({ photo, value, crop, map }));
    if (!some.length) return null;
    const box = h("div.crops");
    const draw = () => box.replaceChildren(...some.map((one) => h("figure", {},
      image(file(layer, remembered.maps && one.map ? one.map : one.crop),
        `${one.photo}: ${remembered.maps ? "activation map" : "what the unit was shown"}, activation ${short(one.value)}`, [160, 160]),
      h("figcaption", {}, h("span", { title: one.photo }, one.photo), h("b", {}, short(one.value))))));
    draw();
    const toggle = kind === "most" && some.some((one) => one.map) && h("button.plain", {
      "aria-pressed": String(remembered.maps), onclick: (event) => {
        remembered.maps = !remembered.maps;
        event.target.setAttribute("aria-pressed", String(remembered.maps));
        draw();
      },
    }, "Activation maps");
    return section(title, about, toggle, box);
  }

  function spread([least, most, counts]) {
    const top = Math.max(...counts);
    return h("figure.spread", {},
      h("svg", { viewBox: `0 0 ${counts.length * 4} 24`, preserveAspectRatio: "none", role: "img",
        "aria-label": `Largest activation in each photograph, from ${short(least)} to ${short(most)}` },
        counts.map((count, at) => h("rect", { x: at * 4, y: 24 - (24 * count) / top, width: 3, height: (24 * count) / top }))),
      h("figcaption", {}, h("span", {}, short(least)), h("span", {}, "largest activation in each photograph"), h("span", {}, short(most))));
  }

  function copied(text) {
    const area = h("textarea", { readonly: true, "aria-hidden": "true" });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy"); // the newer way is refused to pages from the disk
    area.remove();
    return done;
  }

  function code(title, text) {
    const said = h("span", { role: "status" });
    return h("div.code", {}, h("div.head", {}, h("span", {}, title), h("button.plain", { onclick: () => {
      said.textContent = copied(text) ? "Copied" : "Not copied: select it by hand";
      setTimeout(() => { said.textContent = ""; }, 2000);
    }, "aria-label": `Copy: ${title}` }, "Copy"), said), h("pre", { tabindex: 0 }, h("code", {}, text)));
  }

  const saved = (layer, number) => `${layer.folder}-${number}.png`;

  function again(layer, number) {
    const name = saved(layer, number);
    return section("Make it again", null,
      code("The same file, byte for byte, from the saved picture", `entoptic redo ${name} -o again.png`),
      code("The unit alone, by the command", layer.again.command.join(number)),
      code("In Python", layer.again.python.join(number)));
  }

  async function column(layer, number, beside) {
    const place = placeOf(layer, number);
    const [found, all, names, together] = await Promise.all([
      details(layer, place), grid(layer), labels(layer), entoptic.together(layer, beside)]);
    const label = names && names[place], name = unitName(layer, number), { catalog } = layer;
    const lacking = all.bare[number];
    const width = catalog.size ? catalog.size[0] : 160;
    const shot = (src, alt) => image(src, alt, catalog.size || [160, 160], { loading: "eager", "--aspect": 1 / aspectOf(catalog) });
    const positive = () => shot(picture(layer, number), `What excites ${label ? `${label}, ` : ""}${name} of ${catalog.id} most`);
    const holder = h("div.shot", {}, lacking === undefined ? positive()
      : h("p.none", {}, lacking ? `This picture can't be made: ${lacking}` : "This picture isn't made yet."));
    const save = h("a", { href: picture(layer, number), download: saved(layer, number) }, "Save the picture");
    const sign = found.negative && h("div.signs", { role: "group", "aria-label": "Which picture" },
      ["excites", "inhibits"].map((word, at) => h("button", { "aria-pressed": String(at === 0), onclick: (event) => {
        for (const one of event.target.parentNode.children) one.setAttribute("aria-pressed", String(one === event.target));
        const source = at ? file(layer, found.negative) : picture(layer, number);
        holder.replaceChildren(at ? shot(source, `What inhibits ${name} of ${catalog.id} most`) : positive());
        save.setAttribute("href", source);
        save.setAttribute("download", at ? saved(layer, `${number}-negative`) : saved(layer, number));
      } }, `most ${word}`)));
    const strip = [-2, -1, 0, 1, 2].map((step) => numberAt(layer, place + step)).map((one, at) => (one === undefined || place + at - 2 < 0
      ? h("span.gap") : h("a", { href: link(layer, one), "aria-current": at === 2 ? "page" : undefined, title: unitName(layer, one) },
        thumb(layer, one, { alt: unitName(layer, one) }), h("span", {}, one))));
    const weights = found.weights || {};
    const circuits = await Promise.all(["before", "after"].flatMap((side) => (weights[side] || []).map((one) => wires(layer, side, one))));
    const alike = found.alike && await smalls(found.alike.map(([at, one, r]) => small(catalog.layers[at], one, `r ${r.toFixed(2)}`)));
    const others = here.catalogs.filter((one) => one !== catalog).map((one) => one.named.get(layer.name))
      .filter((one) => one && placeOf(one, number) >= 0 && one !== beside);
    return h("div.unit", {},
      h("header.title", {}, h("h1", {}, label || (layer.unit[1] ? h("a", { href: link(layer) }, name)
        : h("span", {}, h("a", { href: link(layer) }, layer.name), ` : ${number}`))),
        h("ul.facts", {}, [label && name, beside && catalog.id,
          h("span", { title: "the unit's mean activation on this picture" }, `score ${short(all.scores[place])}`),
          `unit ${(place + 1).toLocaleString("en")} of ${layer.count.toLocaleString("en")}`,
          together && together[place] !== null && `responses correlate ${together[place].toFixed(2)} with ${beside.catalog.id}'s`].filter(Boolean).map((one) => h("li", {}, one)))),
      h("div.left", {}, holder, sign, h("p.files", {}, save,
        ` ${width}×${catalog.size ? catalog.size[1] : 160}, with the job that made it`), h("nav.strip5", { "aria-label": "Units beside it" }, strip)),
      h("div.right", { "data-of": beside && catalog.id },
        found.spread && spread(found.spread),
        exemplars(layer, found, "most", "Photographs that excite it most", "Each cut to what the unit was shown, with its activation."),
        found.alike && section("Most alike", `Units whose responses to ${many(catalog.photos, "photograph")} correlate most with this one's.`,
          alike),
        layer.alone ? section("Circuits", "None: no single convolution leads from another layer of this catalog to this one, nor from this one to another.") : circuits,
        exemplars(layer, found, "least", "Photographs that excite it least"),
        others.length > 0 && section("In other catalogs", "The same layer and number.", h("div.smalls", {}, others.map((one) =>
          h("a.small", { href: link(layer, number, one) }, thumb(one, number, { alt: `${name} of ${one.catalog.id}` }), h("span.name", {}, h("span", {}, one.catalog.id)), h("span.value", {}, "side by side"))))),
        again(layer, number)));
  }

  return async (layer, number, beside) => {
    const two = beside && placeOf(beside, number) >= 0;
    const columns = await Promise.all([column(layer, number, beside), two && column(beside, number, layer)]);
    const go = (step) => {
      const next = numberAt(layer, placeOf(layer, number) + step);
      if (next !== undefined && placeOf(layer, number) + step >= 0) location.hash = link(layer, next, beside);
    };
    return {
      page: h(two ? "article.two" : "article", {}, columns.filter(Boolean)),
      key: (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (step) { go(step); event.preventDefault(); }
      },
    };
  };
})();
