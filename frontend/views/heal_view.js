// The body of a `heal` run: before and after, how the training went, the three curves, documents, guard.

import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState } from "../state.js";
import { axisSwitch, metricSwitch } from "./curve_controls.js";
import * as documentsTable from "./documents_table.js";
import * as figures from "./figures.js";
import * as guard from "./guard.js";
import { renderNumbers, renderTraining, renderWeights } from "./heal_numbers.js";
import * as openings from "./openings.js";
import { panel, plot, region } from "./panel.js";
import { damage } from "./quality.js";

const still = { selection: () => "", shapes: (_, figure) => figure.layout.shapes ?? [], choose: () => {} };
const DRAWINGS = {
  training: { ...still, there: ({ result }) => Boolean(result.training?.length) },
  before_after: { ...still, there: ({ result }) => Boolean(result.before) },
  three_curves: {
    ...still,
    query: ({ metric, axis }) => ({ metric, scale: axis }),
    there: ({ result }) => Boolean(result.sweep?.length),
  },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) =>
  result?.healing ? t("healing_measured", { gain: damage(result.healing.nll_diff) }) : "";

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const plots = Object.fromEntries(pictures.map((name) => [name, plot(name)]));
  const controls = h("div", { class: "controls curve-controls" });
  const panels = {
    training: panel("training", plots.training),
    before_after: panel("before_after", plots.before_after),
    three_curves: panel("three_curves", plots.three_curves, controls),
  };
  const at = {
    numbers: h("section", { id: "plan-numbers", class: "details plan-numbers", tabindex: "-1" }),
    training: region("heal-training"),
    weights: region("heal-weights"),
    table: region("numbers"),
    guard: region("guard"),
    splits: region("splits"),
  };
  fill(
    body,
    at.numbers,
    h("div", { class: "pictures" }, panels.training.element, h("div", { class: "stack" }, panels.before_after.element, at.training)),
    panels.three_curves.element,
    at.weights,
    at.table,
    at.guard,
    at.splits,
  );
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of Object.values(panels)) speak();
    panels.before_after.element.hidden = !state.result?.before;
    panels.three_curves.element.hidden = !state.result?.sweep?.length;
    renderControls(controls, state);
    renderNumbers(at.numbers, state);
    renderTraining(at.training, state);
    renderWeights(at.weights, state);
    documentsTable.render(at.table, state);
    guard.render(at.guard, state);
    openings.render(at.splits, state);
    figures.render(plots, DRAWINGS, getState()); // shows its own errors
  };
}

function renderControls(element, { metric, axis, lang }) {
  if (changed(element, metric, axis, lang)) fill(element, metricSwitch(metric), axisSwitch(axis, metric));
}
