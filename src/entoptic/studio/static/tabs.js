// What the components of each tab share, and what of it goes along to Python.

const tabs = {};

export const mine = (tab) => (tabs[tab] ??= { units: [], layer: null, model: null, expression: "", photo: null, noise: null, mask: null, guide: null, result: null, kept: [] });

// Take over another network; null where it is the one that was there.
export function network(tab, name) {
  const own = mine(tab);
  if (name === own.model) return null;
  own.look = null;
  own.network?.(name);
  return name;
}

// Take over another look; no look where it is the one that was there.
export function look(tab, model, name, usual) {
  const own = mine(tab), before = own.look ?? usual;
  own.look = name;
  return [model, name === before ? null : name];
}
export const last = (tab) => mine(tab).last;

// Settings of the recipe, by name.
export function state(tab) {
  const own = mine(tab), found = { result: own.result, source: own.source, shelf: own.shelf };
  if (own.film) found.film = own.film;
  else if (own.photo) found.photo = own.photo.name;
  if (own.noise) found.noise = own.noise;
  if (own.mask) found.mask = own.mask;
  if (own.guide) found.guide = own.guide;
  if (own.kept.length) found.kept = Object.fromEntries(own.kept.map((each) => [each.name, each.value]));
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

export const along = (tab, given) => [...given.slice(0, -1), state(tab)];

const PAGES = { dream: ["Dream", "dream"], visualize: ["Units", "visualize"], zoom: ["Film", "zoom"], film: ["Film", "zoom"] };
export const hasPage = (recipe) => recipe in PAGES;

// Take over the settings of a picture, on the page of the recipe that made it.
// `shelf` is where it lies, "photos" or "history"; `tab` says it, if that recipe has no page.
export function takeOver(name, shelf, recipe, tab) {
  const [page, to] = PAGES[recipe] || [null, tab];
  Object.assign(mine(to), { source: name, shelf });
  if (page) go(page);
  mine(to).stage.send("settings");
}

export function go(page) {
  [...document.querySelectorAll("#tabs [role=tab]")].find((each) => each.textContent.trim() === page)?.click();
  window.scrollTo({ top: 0 });
}
