// The body of a `plan` run: its numbers, what was done to each block, documents, and the guard.

import { changed, fill, h } from "../dom.js";
import { significant } from "../format.js";
import { t } from "../i18n.js";
import { getState } from "../state.js";
import { categoriesOf, categoriesPanel } from "./categories.js";
import * as documentsTable from "./documents_table.js";
import * as figures from "./figures.js";
import * as guard from "./guard.js";
import { nextSteps } from "./next_steps.js";
import * as openings from "./openings.js";
import { panel, plot, region } from "./panel.js";
import { plainTable } from "./plain_table.js";
import { planForm } from "./plan_form.js";
import { damage, notHarmless, planText, protocolLine, qualityNumbers } from "./quality.js";

const DRAWINGS = {
  categories: {
    there: ({ result }) => categoriesOf(result.point, result).length > 0,
    selection: () => "",
    shapes: (_, figure) => figure.layout.shapes ?? [],
    choose: () => {},
  },
  documents: {
    there: ({ result }) => Boolean(result.documents?.length),
    selection: () => "",
    shapes: () => [],
    choose: ({ data }) => documentsTable.select(data?.[0]),
  },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) =>
  result?.point ? t("plan_measured", { damage: damage(result.point.nll_diff) }) : "";

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const routes = categoriesPanel();
  const plots = { categories: routes.plot, documents: plot("documents") };
  const documents = panel("documents", plots.documents);
  const form = planForm(() => getState().run);
  const at = {
    numbers: h("section", { id: "plan-numbers", class: "details plan-numbers", tabindex: "-1" }),
    steps: region("plan-steps"),
    table: region("numbers"),
    guard: region("guard"),
    splits: region("splits"),
  };
  fill(
    body,
    at.numbers,
    h("div", { class: "pictures" }, h("div", { class: "stack" }, at.steps, form.element), documents.element),
    routes.element,
    at.table,
    at.guard,
    at.splits,
  );
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of [documents, routes, form]) speak();
    const { run } = state;
    if (run && changed(form, run.id)) form.put({ plan: run.params.plan, fitting: run.params.fitting });
    renderNumbers(at.numbers, state);
    renderSteps(at.steps, state);
    routes.render(state.result?.point ?? null, state.result, state.lang);
    documentsTable.render(at.table, state);
    guard.render(at.guard, state);
    openings.render(at.splits, state);
    figures.render(plots, DRAWINGS, state); // shows its own errors
  };
}

function renderNumbers(element, { run, result, lang }) {
  const point = result?.point;
  if (!changed(element, run?.id, run?.status, point, run?.report_openings, lang)) return;
  const { plan, fitting, split, fidelity } = run?.params ?? {};
  fill(
    element,
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, t("the_plan")),
      plan && planText(plan),
      h("span", { class: `badge badge-${split}` }, t(`split_${split}_named`)),
      fidelity === "preview" && h("span", { class: "badge badge-preview" }, t("preview")),
    ),
    fidelity === "preview" && h("p", { class: "caution" }, t("preview_note")),
    point && qualityNumbers(point, result.dense),
    protocolLine(result?.protocol),
    point?.edge && h("p", { class: "quiet small-print" }, t("edge_note")),
    point && notHarmless(),
    split === "report" && h("p", { class: "quiet small-print" }, `${t("report_means")} ${openings.openingsText(run)}`),
    run?.status === "finished" && nextSteps(run, { plan, fitting }, { report: split !== "report" }),
  );
}

function renderSteps(element, { result, lang }) {
  const steps = result?.steps;
  if (!steps || !changed(element, steps, lang)) return;
  fill(
    element,
    h("h2", {}, t("plan_steps")),
    plainTable({
      heads: ["blocks", "action", "ridge", "first_token"].map((key) => t(`column_${key}`)),
      rows: steps.map(({ first, last, action, ridge, first_token: rules }) => [
        first === last ? t("block_number", { block: first }) : t("block_span", { from: first, to: last }),
        t(`action_${action}`),
        ridge === null ? null : significant(ridge),
        rules && [...new Set(rules)].map((rule) => t(`rule_${rule}`)).join(", "),
      ]),
    }),
  );
}

