// The body of a `benchmark` run: both models' right answers by task, the paired difference, every question.

import { changed, fill, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { commandLines } from "./benchmark_commands.js";
import * as items from "./benchmark_items.js";
import { scoresTable } from "./benchmark_scores.js";
import * as figures from "./figures.js";
import { nextSteps } from "./next_steps.js";
import { panel, plot, region } from "./panel.js";
import { planText } from "./quality.js";

const ROW_HEIGHT = 44;
const AXIS_HEIGHT = 84;
const there = ({ result }) => Boolean(result.tasks?.length);
const drawing = { there, selection: () => "", shapes: (_, figure) => figure.layout.shapes ?? [], choose: () => {} };
const DRAWINGS = { task_scores: drawing, task_differences: drawing };

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) =>
  result?.tasks ? t("benchmark_asked", { questions: integer(result.items.length) }) : "";

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const plots = Object.fromEntries(pictures.map((name) => [name, plot(name)]));
  const panels = pictures.map((name) => panel(name, plots[name]));
  const at = {
    plan: h("section", { id: "benchmark-plan", class: "details", tabindex: "-1" }),
    table: region("benchmark-scores"),
    items: region("benchmark-items"),
    commands: region("benchmark-commands"),
  };
  fill(body, at.plan, at.table, h("div", { class: "pictures" }, panels.map(({ element }) => element)), at.items, at.commands);
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of panels) speak();
    renderPlan(at.plan, state);
    renderTable(at.table, state);
    setHeights(plots, state.result);
    figures.render(plots, DRAWINGS, state); // shows its own errors
    items.render(at.items, state);
    renderCommands(at.commands, state);
  };
}

function renderPlan(element, { run, result, lang }) {
  if (!run || !changed(element, run.id, run.status, result?.harness, lang)) return;
  const { plan, fitting, healed, few_shot: shots, limit, chat } = run.params;
  const facts = [
    result && `${result.harness.name} ${result.harness.version}`,
    run.questions && t("questions_named", { name: run.questions.name }),
    t("few_shot_count", { count: integer(shots) }),
    limit > 0 && t("first_questions", { count: integer(limit) }),
    chat && t("template_chat_used"),
    healed && t("with_healed_weights", { sha256: healed.slice(0, 12) }),
  ];
  fill(
    element,
    h("div", { class: "details-title" }, h("h2", {}, t("the_plan")), planText(plan)),
    h("p", { class: "protocol" }, facts.filter(Boolean).join(" · ")),
    h("p", { class: "caution" }, t("choices_not_harmless")),
    run.status === "finished" && nextSteps(run, { plan, fitting }, { benchmark: false }),
  );
}

function renderTable(element, { result, lang }) {
  element.hidden = !result?.tasks;
  if (element.hidden || !changed(element, result.id, lang)) return;
  fill(element, h("h2", {}, t("benchmark_scores")), scoresTable(result.tasks));
}

function renderCommands(element, { result, lang }) {
  element.hidden = !result?.commands;
  if (element.hidden || !changed(element, result.id, lang)) return;
  fill(element, h("h2", {}, t("benchmark_commands")), commandLines(result));
}

/** A row a task and metric; of a single task, its categories too. */
function setHeights(plots, result) {
  if (!result?.tasks) return;
  const rows = result.tasks.flatMap(({ scores }) => scores.filter(({ metric }) => metric.startsWith("acc"))).length;
  const more = result.tasks.length === 1 ? result.tasks[0].categories.length : 0;
  plots.task_scores.style.height = `${AXIS_HEIGHT + ROW_HEIGHT * rows}px`;
  plots.task_differences.style.height = `${AXIS_HEIGHT + ROW_HEIGHT * (rows + more)}px`;
}

