// The studio's own components: the stage, the picker of units, the history and what goes with them.
// Gradio calls each function once, with the element that it may fill.

export { guide } from "./guide.js";
export { history } from "./history.js";
export { kept } from "./kept.js";
export { lesson } from "./lesson.js";
export { top } from "./masthead.js";
export { picker } from "./picker.js";
export { see } from "./see.js";
export { seen } from "./seen.js";
export { stage } from "./stage.js";
export { along, last, look, network } from "./tabs.js";
export { texts } from "./texts.js";
