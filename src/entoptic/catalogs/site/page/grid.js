// A grid of thousands of tiles, of which only those in sight are there.
"use strict";

entoptic.Grid = class {
  // tile(place) makes the element of a place, a link; aspect is a tile's height by its width.
  constructor({ count, tile, least, aspect, caption, label }) {
    Object.assign(this, { count, tile, least, aspect, caption });
    this.gap = 6;
    this.shown = new Map();
    this.active = 0;
    this.element = entoptic.h("div.grid", { role: "list", "aria-label": label });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focusin", (event) => {
      const item = event.target.closest("[data-place]");
      if (item) this.activate(+item.dataset.place);
    });
    this.draw = this.draw.bind(this);
    this.resized = new ResizeObserver(() => this.layOut());
  }

  begin() {
    this.resized.observe(this.element);
    addEventListener("scroll", this.draw, { passive: true });
    this.layOut();
  }

  end() {
    this.resized.disconnect();
    removeEventListener("scroll", this.draw);
  }

  layOut() {
    const width = this.element.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.across = Math.max(2, Math.floor((width + this.gap) / (this.least + this.gap)));
    this.side = (width - this.gap * (this.across - 1)) / this.across;
    this.down = this.side * this.aspect + this.caption + this.gap;
    this.element.style.height = `${Math.ceil(this.count / this.across) * this.down}px`;
    for (const item of this.shown.values()) item.remove();
    this.shown.clear();
    this.draw();
  }

  draw() {
    const top = this.element.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor((-top - 600) / this.down)) * this.across;
    const last = Math.min(this.count, Math.ceil((innerHeight - top + 600) / this.down) * this.across);
    for (const [place, item] of this.shown) {
      // Whoever is focused stays, so that the keyboard doesn't lose its place.
      if ((place < first || place >= last) && !item.contains(document.activeElement)) {
        item.remove();
        this.shown.delete(place);
      }
    }
    for (let place = first; place < last; place++) this.show(place);
  }

  show(place) {
    if (this.shown.has(place)) return this.shown.get(place);
    const item = entoptic.h("div.cell", {
      role: "listitem", "data-place": place, "aria-setsize": this.count, "aria-posinset": place + 1,
    }, this.tile(place));
    const row = Math.floor(place / this.across), column = place % this.across;
    item.style.width = `${this.side}px`;
    item.style.transform = `translate(${column * (this.side + this.gap)}px, ${row * this.down}px)`;
    item.firstChild.tabIndex = place === this.active ? 0 : -1;
    // In order, so that readers of the page read them so.
    let next = null;
    for (const [other, one] of this.shown) if (other > place && (!next || other < +next.dataset.place)) next = one;
    this.element.insertBefore(item, next);
    this.shown.set(place, item);
    return item;
  }

  activate(place) {
    const before = this.shown.get(this.active);
    if (before) before.firstChild.tabIndex = -1;
    this.active = place;
    const now = this.shown.get(place);
    if (now) now.firstChild.tabIndex = 0;
  }

  goTo(place, block = "nearest") {
    place = Math.max(0, Math.min(this.count - 1, place));
    const item = this.show(place);
    item.scrollIntoView({ block });
    this.activate(place);
    item.firstChild.focus({ preventScroll: true });
    this.draw();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.across, ArrowDown: this.across };
    let to;
    if (event.key in steps) to = this.active + steps[event.key];
    else if (event.key === "Home") to = 0;
    else if (event.key === "End") to = this.count - 1;
    else return;
    event.preventDefault();
    event.stopPropagation();
    if (to >= 0 && to < this.count) this.goTo(to);
  }
};
