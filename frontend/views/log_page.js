// A request log: where requests, tokens, time and money go, and two datasets that follow its use.

import { addresses, getInput, readLog } from "../api.js";
import { preload } from "../charts.js";
import { fill, h, keepingFocus, keepingTyped, switches } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe, update } from "../state.js";
import { logFacts, skippedRows } from "./log_facts.js";
import { logFigures } from "./log_figures.js";
import { logSets } from "./log_sets.js";
import { renderRoutes } from "./log_table.js";
import { pageHead } from "./page_head.js";
import { problemText } from "./problem.js";

const REFRESH_MS = 1500;

/** @param {HTMLElement} main @param {string} id */
export async function show(main, id) {
  preload();
  const page = { id, log: null, summary: null, lang: "", parts: null };
  subscribe((state) => (page.parts ? draw(main, page, state) : page.log && waiting(main, page)));
  await load(main, page);
}

async function load(main, page) {
  try {
    page.log = await getInput("log", page.id);
    if (page.log.state === "ready") {
      page.summary = await readLog(page.id, "summary");
      page.parts = {};
      draw(main, page, getState());
    } else waiting(main, page);
    if (page.log.state === "inspecting") setTimeout(() => load(main, page), REFRESH_MS);
  } catch (error) {
    fill(main, pageHead(t("kind_logs")), problemText(error));
  }
}

function waiting(main, page) {
  const { id, name, state, problem } = page.log;
  const again = h("a", { class: "button", href: addresses.confirmLog(id) }, t("log_choose_columns"));
  const words = state === "rejected" ? problemText(problem) : h("p", { role: "status" }, t(`log_${state}`));
  fill(main, pageHead(name), words, state !== "inspecting" && h("p", { "data-needs": "analyst" }, again));
}

function draw(main, page, state) {
  if (page.lang !== state.lang) build(main, page, state);
  const { parts, summary } = page;
  const measure = shownMeasure(summary, state);
  keepingFocus(parts.switch, () => fill(parts.switch, measureSwitch(summary, measure)));
  parts.figures.render(measure, state);
  renderRoutes(parts.table, summary, measure);
}

function build(main, page, state) {
  const { log, summary } = page;
  page.lang = state.lang;
  const region = (name) => h("section", { id: name, class: name, tabindex: "-1" });
  page.parts = { switch: h("div", { class: "log-switch" }), figures: logFigures(page.id), table: region("log-routes") };
  const shown = [
    pageHead(log.name),
    h("p", { class: "finding-text log-finding" }, summary.finding.text[state.lang]),
    logFacts(summary),
    skippedRows(summary.skipped),
    page.parts.switch,
    page.parts.figures.element,
    page.parts.table,
    logSets(log, summary),
  ];
  keepingTyped(main, () => fill(main, ...shown));
}

/** The measure of the address if this log has it, else the one of the finding. */
const shownMeasure = ({ measures, finding }, { measure }) => (measures.includes(measure) ? measure : finding.measure);

const measureSwitch = ({ measures }, current) =>
  switches({
    label: t("log_measure"),
    current,
    choose: (value) => update({ measure: value }),
    options: measures.map((value) => ({ value, text: t(`measure_${value}`) })),
  });
