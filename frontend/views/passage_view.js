// The body of a `passage` run: the text itself, its map of tokens and blocks, numbers, and the next passage.

import { changed, fill, h } from "../dom.js";
import { shownBlock, shownToken } from "../passages.js";
import { passageShapes } from "../selection_shapes.js";
import { update } from "../state.js";
import * as figures from "./figures.js";
import { panel, plot, region } from "./panel.js";
import * as passageDetails from "./passage_details.js";
import { passageForm } from "./passage_form.js";
import * as passageGrid from "./passage_grid.js";
import * as passageText from "./passage_text.js";

const place = (state) => ({ block: shownBlock(state), token: shownToken(state) });

const DRAWINGS = {
  passage: {
    there: ({ result }) => Boolean(result.passage),
    selection: (state) => JSON.stringify(place(state)),
    shapes: (state, figure) => passageShapes(place(state), figure),
    choose: ({ x, y }) => update({ n: x + 1, sel: { from: y, to: y + 1 } }),
  },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json", "npz"];
export const summary = passageDetails.summary;
/** A passage that failed, as one that was too long, is mended where it stands. */
export const asksAgain = true;

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const plots = { passage: plot("passage") };
  const map = panel("passage", plots.passage);
  const form = passageForm();
  const at = {
    text: region("passage"),
    details: h("section", { id: "details", class: "details", tabindex: "-1" }),
    table: region("numbers"),
    form: region("passage-section"),
  };
  fill(body, at.text, at.details, map.element, at.table, at.form);
  return (state) => {
    if (changed(body, state.lang)) map.speak();
    map.element.hidden = state.run?.status === "failed";
    passageText.render(at.text, state);
    passageDetails.render(at.details, state);
    passageGrid.render(at.table, state);
    form(at.form, state);
    figures.render(plots, DRAWINGS, state); // shows its own errors
  };
}
