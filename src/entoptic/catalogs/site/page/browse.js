// The pages of networks and of layers.
"use strict";

entoptic.pages = (() => {
  const { here, numberAt, placeOf, grid, labels, small, file, link, h, image, many, unitName } = entoptic;

  const aspectOf = (catalog) => (catalog.size ? catalog.size[1] / catalog.size[0] : 1);
  const sides = (catalog, width = 160) => [width, Math.round(width * aspectOf(catalog))];

  function thumb(layer, number, given = {}) {
    return image(small(layer, number), "", sides(layer.catalog), { "--aspect": 1 / aspectOf(layer.catalog), ...given });
  }

  function facts(catalog) {
    const found = [
      many(catalog.layers.length, "layer"), many(catalog.count, "unit"),
      catalog.photos && `${many(catalog.photos, "photograph")}`,
      ...catalog.settings.map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`),
    ];
    return h("ul.facts", {}, found.filter(Boolean).map((one) => h("li", {}, one)));
  }

  function aboutLayer(layer) {
    const { kind, channels, stride, field } = layer.about;
    return [
      layer.unit[1] ? many(layer.count, "unit") : layer.count === channels ? many(channels, "channel") : `${many(layer.count, "unit")}${channels ? ` of ${channels.toLocaleString("en")}` : ""}`,
      kind,
      field && `receptive field ${field[0] === field[1] ? field[0] : field.join("×")} px`,
      stride && `stride ${stride[0] === stride[1] ? stride[0] : stride.join("×")}`,
      layer.failed > 0 && `${layer.failed} failed`,
    ].filter(Boolean);
  }

  // A network: a row of pictures for each layer, from the picture to the classes.
  function catalogPage(catalog) {
    const rows = catalog.layers.map((layer) => h("li.strip", {},
      h("div.side", {},
        h("h2", {}, h("a", { href: link(layer) }, layer.name)),
        h("p", {}, aboutLayer(layer).slice(0, 1)), h("p.quiet", {}, aboutLayer(layer).slice(2, 3))),
      h("div.row", { "--aspect": 1 / aspectOf(catalog) }, layer.cover.map((number) => h("a", {
        href: link(layer, number), tabindex: -1, "aria-hidden": "true", title: unitName(layer, number),
      }, thumb(layer, number)))),
      h("a.more", { href: link(layer), tabindex: -1, "aria-hidden": "true" }, "→")));
    return h("article", {},
      h("header.title", {}, h("h1", {}, catalog.id), catalog.id !== catalog.model && h("p.model", {}, catalog.model), facts(catalog)),
      catalog.notes.length > 0 && h("div.notes", {}, catalog.notes.map((note) => h("p", {}, note))),
      h("ol.strips", {}, rows));
  }

  // Several catalogs: each with its layers.
  function homePage() {
    return h("article", {},
      h("header.title", {}, h("h1", {}, "Catalogs"), h("p.lead", {}, "Every unit of these networks, as the picture that excites it most.")),
      h("ul.cards", {}, here.catalogs.map((catalog) => {
        // 24 tiles, spread over the layers and over the units of each.
        const shown = Array.from({ length: 24 }, (_, at) => {
          const layer = catalog.layers[Math.floor((at * catalog.layers.length) / 24)];
          return [layer, layer.cover[Math.floor((at * 7) % layer.cover.length)]];
        }).filter(([, number]) => number !== undefined);
        return h("li", {}, h("a.card", { href: `#${encodeURIComponent(catalog.id)}` },
          h("div.mosaic", {}, shown.map(([layer, number]) => thumb(layer, number))),
          h("h2", {}, catalog.id), h("p.quiet", {}, `${many(catalog.layers.length, "layer")}, ${many(catalog.count, "unit")}`)));
      })));
  }

  // What can stand beside a layer: the layers of other catalogs, the one of the same name first.
  function besideChoice(layer, beside, chosen) {
    const others = here.catalogs.filter((one) => one !== layer.catalog);
    if (!others.length) return null;
    const groups = others.map((catalog) => h("optgroup", { label: catalog.id },
      [...catalog.layers].sort((one, other) => (other.name === layer.name) - (one.name === layer.name)).map((one) =>
        h("option", { value: one.key, selected: one === beside }, `${catalog.id} · ${one.name}`))));
    const select = h("select", { id: "beside", onchange: () => chosen(
      others.flatMap((one) => one.layers).find((one) => one.key === select.value)) }, h("option", { value: "" }, "nothing"), groups);
    return h("label", {}, "Beside ", select);
  }

  const orders = {
    number: ["number", () => 0],
    high: ["score, highest first", (a, b) => b - a],
    low: ["score, lowest first", (a, b) => a - b],
    apart: ["difference of the scores", (a, b) => b - a],
    unlike: ["responses, least alike first", (a, b) => a - b],
  };
  const sizes = { S: 72, M: 112, L: 176 };
  const remembered = { order: "number", size: innerWidth < 600 ? "S" : "M" };

  async function layerPage(layer, beside, last) {
    const [own, names, others, together] = await Promise.all([
      grid(layer), labels(layer), beside && grid(beside), entoptic.together(layer, beside)]);
    const { catalog } = layer;
    const otherScore = (number) => {
      const place = placeOf(beside, number);
      return place < 0 ? null : others.scores[place];
    };
    const possible = (key) => (key !== "apart" || beside) && (key !== "unlike" || together);
    function order() {
      const places = [...Array(layer.count).keys()];
      if (!possible(remembered.order)) remembered.order = "number";
      if (remembered.order === "number") return places;
      const value = (place) => {
        if (remembered.order === "unlike") return together[place];
        const mine = own.scores[place];
        if (remembered.order !== "apart") return mine;
        const theirs = otherScore(numberAt(layer, place));
        return mine === null || theirs === null ? null : Math.abs(mine - theirs);
      };
      const values = places.map(value), compare = orders[remembered.order][1];
      return places.sort((a, b) => (values[a] === null) - (values[b] === null) || compare(values[a], values[b]) || a - b);
    }

    const unitOf = (number) => (names ? `${names[placeOf(layer, number)]}, ${unitName(layer, number)}` : unitName(layer, number));
    function half(one, number, lacking) {
      if (lacking !== undefined) return h("span.none", { title: lacking }, lacking ? "failed" : "not made");
      return thumb(one, number, { alt: `What excites ${unitOf(number)} of ${one.catalog.id} most` });
    }
    let sequence = order(), shown = null;
    function tile(at) {
      const place = sequence[at], number = numberAt(layer, place);
      const there = beside && placeOf(beside, number) >= 0;
      return h("a.tile", { href: link(layer, number, beside), "--aspect": 1 / aspectOf(catalog) },
        h("span.pictures", {}, half(layer, number, own.bare[number]),
          beside && (there ? half(beside, number, others.bare[number]) : h("span.none", {}, "no such unit"))),
        h("span.caption", {}, h("b", {}, number), names && h("span.name", {}, names[place]),
          together && h("span.r", { title: "correlation of both units' responses to the photographs" }, together[place] === null ? "" : `r ${together[place].toFixed(2)}`)));
    }
    const holder = h("div.holder");
    function drawGrid() {
      if (shown) shown.end();
      shown = new entoptic.Grid({
        count: layer.count, tile, least: sizes[remembered.size] * (beside ? 2 : 1),
        aspect: aspectOf(catalog) / (beside ? 2 : 1), caption: 24, label: `Units of ${layer.name}`,
      });
      holder.replaceChildren(shown.element);
      shown.begin();
    }

    const orderChoice = h("select", { id: "order", onchange: (event) => {
      remembered.order = event.target.value; sequence = order(); drawGrid();
    } }, Object.entries(orders).filter(([key]) => possible(key)).map(([key, [text]]) =>
      h("option", { value: key, selected: key === remembered.order }, text)));
    const sizeChoice = h("div.sizes", { role: "group", "aria-label": "Size of the pictures" }, Object.keys(sizes).map((size) =>
      h("button", { "aria-pressed": String(size === remembered.size), onclick: (event) => {
        remembered.size = size;
        for (const one of event.target.parentNode.children) one.setAttribute("aria-pressed", String(one === event.target));
        drawGrid();
      } }, size)));
    const pictures = [["dream", layer.dream], ["caricature", layer.caricature]].filter(([, one]) => one);
    const page = h("article", {},
      h("header.title", {}, h("h1", {}, layer.name, beside && h("small", {}, ` of ${catalog.id}, beside ${beside.name} of ${beside.catalog.id}`)),
        h("ul.facts", {}, aboutLayer(layer).map((one) => h("li", {}, one)))),
      pictures.length > 0 && h("div.banner", {}, pictures.map(([kind, [name, ...size]]) => h("figure", {},
        h("a", { href: file(layer, name) }, image(file(layer, name), `A ${kind} of the layer ${layer.name}`, size)),
        h("figcaption", {}, kind === "dream" ? "A DeepDream of the whole layer" : "A caricature: the photograph as the layer holds it, exaggerated")))),
      h("div.tools", {}, h("label", {}, "Order ", orderChoice), sizeChoice,
        besideChoice(layer, beside, (other) => { location.hash = link(layer, undefined, other); })),
      holder);
    return {
      page, shown: () => {
        drawGrid();
        if (last !== undefined && placeOf(layer, last) >= 0) shown.goTo(sequence.indexOf(placeOf(layer, last)), "center");
      },
      gone: () => shown.end(),
      key: (event) => { if (event.key === "ArrowLeft" || event.key === "ArrowRight") { shown.goTo(shown.active); event.preventDefault(); } },
    };
  }

  return { homePage, catalogPage, layerPage, thumb, aspectOf };
})();
