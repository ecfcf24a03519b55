// The body of an `ablation` run: curves and the selected plan; single blocks; orders; interaction.

import { blocksOfPlan, markOf, shownCurve, shownPoint } from "../curves.js";
import { changed, fill, h } from "../dom.js";
import { blocksShapes, pointShapes } from "../selection_shapes.js";
import { getState } from "../state.js";
import { categoriesOf, categoriesPanel } from "./categories.js";
import * as chosenPlan from "./chosen_plan.js";
import * as correlation from "./correlation.js";
import * as curveControls from "./curve_controls.js";
import * as curveTable from "./curve_table.js";
import * as figures from "./figures.js";
import * as interactionWords from "./interaction_words.js";
import * as openings from "./openings.js";
import { panel, plot, region } from "./panel.js";
import { planForm } from "./plan_form.js";

const none = { selection: () => "", shapes: () => [], choose: () => {} };
/** The selected point, or where the shown line ends. */
const routesPoint = (state) => shownPoint(state) ?? shownCurve(state)?.points.at(-1) ?? null;
const planOf = (state) => shownPoint(state)?.plan ?? "";
const onBlocks = {
  selection: planOf,
  shapes: (state, figure) => blocksShapes(blocksOfPlan(planOf(state)), figure),
  choose: () => {},
};

const DRAWINGS = {
  curve: {
    query: ({ metric, action, fitting, axis }) => ({ metric, action, fitting, scale: axis }),
    selection: (state) => `${state.curve} ${state.n}`,
    shapes: (state, figure) => pointShapes(markOf(state, figure), figure),
    choose: chosenPlan.chooseOnCurve,
  },
  categories: {
    query: (state) => ({ plan: routesPoint(state).plan, fitting: shownCurve(state).fitting ?? "all" }),
    there: (state) => categoriesOf(routesPoint(state), state.result).length > 0,
    selection: () => "",
    shapes: (_, figure) => figure.layout.shapes ?? [],
    choose: () => {},
  },
  damage: onBlocks,
  scores: { ...onBlocks, there: ({ result }) => Boolean(result.scores?.length || result.single?.length) },
  interaction: { ...none, there: ({ result }) => Boolean(result.interaction) },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json"];
export const summary = chosenPlan.summary;

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const routes = categoriesPanel();
  const plots = { ...Object.fromEntries(pictures.map((name) => [name, plot(name)])), categories: routes.plot };
  const at = {
    controls: region("curve-controls", "div"),
    picker: region("curve-picker", "div"),
    chosen: h("section", { id: "chosen-plan", class: "details", tabindex: "-1" }),
    table: region("numbers"),
    interaction: h("p", { class: "quiet prose" }),
    correlation: region("correlation"),
    splits: region("splits"),
  };
  const form = planForm(() => getState().run);
  const panels = {
    curve: panel("curve", plots.curve, at.controls),
    damage: panel("damage", plots.damage),
    scores: panel("scores", plots.scores),
    interaction: panel("interaction", plots.interaction, at.interaction),
  };
  const element = (name) => panels[name].element;
  element("curve").append(at.picker);
  fill(
    body,
    h("div", { class: "curve-row" }, element("curve"), h("div", { class: "curve-side" }, at.chosen, form.element)),
    routes.element,
    at.table,
    h("div", { class: "pictures" }, h("div", { class: "stack" }, element("damage"), element("scores")),
      h("div", { class: "stack" }, at.correlation, element("interaction"))),
    at.splits,
  );
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of [...Object.values(panels), routes, form]) speak();
    curveControls.render(at.controls, state);
    curveControls.renderPicker(at.picker, state);
    chosenPlan.render(at.chosen, state, form.put);
    routes.render(routesPoint(state), state.result, state.lang);
    curveTable.render(at.table, state);
    interactionWords.render(at.interaction, state);
    plots.interaction.hidden = Boolean(state.result && !state.result.interaction);
    correlation.render(at.correlation, state);
    openings.render(at.splits, state);
    figures.render(plots, DRAWINGS, state); // shows its own errors
  };
}
