// The body of a `linearity` run: heat map, profile, norms, classes of tokens; details of the selected pair; table.

import { changed, fill, h } from "../dom.js";
import { inRange, shownView } from "../scores.js";
import { blockFrames, blockShapes, cellShapes } from "../selection_shapes.js";
import { update } from "../state.js";
import { pairText } from "../view_keys.js";
import * as comparePicker from "./compare_picker.js";
import * as details from "./details.js";
import * as figures from "./figures.js";
import * as heatmapPanel from "./heatmap_panel.js";
import { panel, plot, region } from "./panel.js";
import { passageForm } from "./passage_form.js";
import * as planSection from "./plan_section.js";
import * as published from "./published.js";
import * as table from "./table.js";
import { hasClasses, tokenClassesPanel } from "./token_classes.js";
import { hasErrors, tokenErrorsPanel } from "./token_errors.js";

const hasSizes = ({ result }) => Boolean(result?.sample_sizes);
const inPairs = ({ x, y }) => ({ from: y, to: x });
const inBlocks = ({ x }) => ({ from: x, to: x + 1 });

const DRAWINGS = {
  heatmap: drawing(cellShapes, inPairs, shownView),
  profile: drawing(blockShapes, inBlocks, published.publishedQuery),
  norms: drawing(blockShapes, inBlocks),
  token_classes: { ...drawing(blockFrames, inBlocks), there: hasClasses },
  sample_sizes: { ...drawing(() => [], () => ({})), there: hasSizes },
  token_errors: { ...drawing(blockFrames, inBlocks), there: hasErrors },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json", "npz"];
export const summary = details.summary;

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const switches = region("heatmap-switches", "div");
  const paper = region("published", "div");
  const [classes, errors] = [tokenClassesPanel(), tokenErrorsPanel()];
  const plots = {
    ...Object.fromEntries(pictures.map((name) => [name, plot(name)])),
    token_classes: classes.plot,
    token_errors: errors.plot,
  };
  const sizes = panel("sample_sizes", plots.sample_sizes);
  const panels = [
    panel("heatmap", plots.heatmap, switches),
    panel("profile", plots.profile, paper),
    panel("norms", plots.norms),
    classes,
    sizes,
    errors,
  ];
  const [left, profile, norms, ...below] = panels.map(({ element }) => element);
  const row = h("div", { class: "pictures" }, left, h("div", { class: "pictures-right" }, profile, norms), below);
  const places = {
    details: h("section", { id: "details", class: "details", tabindex: "-1" }),
    table: region("numbers"),
    compare: region("compare-link", "div"),
    passage: region("passage-section"),
    plan: region("plan-section"),
  };
  const form = passageForm();
  fill(body, row, places.details, places.table, places.compare, places.passage, places.plan);
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of panels) speak();
    heatmapPanel.render(switches, state);
    published.render(paper, state);
    classes.render(state);
    errors.render(state);
    sizes.element.hidden = !hasSizes(state);
    details.render(places.details, state);
    table.render(places.table, state);
    comparePicker.renderLink(places.compare, state);
    form(places.passage, state);
    planSection.render(places.plan, state);
    figures.render(plots, DRAWINGS, state); // shows its own errors
  };
}

function drawing(shapes, pairOf, query) {
  const shown = ({ sel, result }) => (inRange(sel, result) ? sel : null);
  return {
    query,
    selection: ({ sel }) => pairText(sel),
    shapes: (state, figure) => shapes(shown(state), figure),
    choose: (point, { result }) => choose(pairOf(point), result),
  };
}

function choose(pair, result) {
  if (Number.isInteger(pair.from) && pair.from < pair.to && inRange(pair, result)) update({ sel: pair });
}
