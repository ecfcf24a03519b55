// The body of a `speed` run: how many times as fast, load by load; what each part of the model costs.

import { changed, fill, h, keepingFocus, switches } from "../dom.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { COSTS } from "../view_keys.js";
import { atServers } from "./at_servers.js";
import * as figures from "./figures.js";
import { besideOf } from "./linear_beside.js";
import { nextSteps } from "./next_steps.js";
import { panel, plot, region } from "./panel.js";
import { planText } from "./quality.js";
import { conditions, ratioNumbers, sentence } from "./speed_numbers.js";
import * as speedTables from "./speed_tables.js";

const none = { selection: () => "", shapes: (_, figure) => figure.layout.shapes ?? [], choose: () => {} };

const DRAWINGS = {
  speedups: { ...none, there: ({ result }) => Boolean(result.points?.length) },
  costs: {
    ...none,
    there: ({ result }) => Boolean(result.costs),
    query: ({ cost, run }) => ({ cost, beside: besideOf(run)?.text ?? "" }),
  },
};

export const pictures = Object.keys(DRAWINGS);
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) => (result?.points?.length ? sentence(result) : "");

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const plots = { speedups: plot("speedups"), costs: plot("costs") };
  const at = {
    numbers: h("section", { id: "speed-numbers", class: "details plan-numbers", tabindex: "-1" }),
    costs: h("div", { class: "curve-controls" }),
    beside: h("p", { class: "quiet small-print" }),
    tables: region("speed-tables"),
  };
  const panels = [panel("speedups", plots.speedups), panel("costs", plots.costs, at.costs, at.beside)];
  fill(body, at.numbers, h("div", { class: "pictures" }, panels.map(({ element }) => element)), at.tables);
  return (state) => {
    if (changed(body, state.lang)) for (const { speak } of panels) speak();
    panels[1].element.hidden = Boolean(state.result) && !state.result.partial && !state.result.costs;
    renderNumbers(at.numbers, state);
    renderSwitch(at.costs, state);
    renderBeside(at.beside, state);
    speedTables.render(at.tables, state);
    figures.render(plots, DRAWINGS, state); // shows its own errors
  };
}

function renderNumbers(element, { run, result, lang }) {
  if (!changed(element, run?.id, run?.status, result?.points, lang)) return;
  const { plan, fitting, healed } = run?.params ?? {};
  const engine = result?.engine;
  fill(
    element,
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, t(plan ? "the_plan" : "speed_title")),
      plan && planText(plan),
      healed && h("span", { class: "badge" }, t("healed_badge")),
      engine && h("span", { class: "badge" }, t(`engine_${engine.name}`)),
    ),
    result?.points?.length > 0 && ratioNumbers(result.points),
    result && h("p", { class: "protocol" }, conditions(result)),
    h("p", { class: "caution" }, t(engine?.name === "in_process" ? "speed_in_process_note" : "speed_note")),
    run?.status === "finished" && engine?.name === "in_process" && atServers(run),
    run?.status === "finished" && plan && nextSteps(run, { plan, fitting }, { report: false, speed: false }),
  );
}

function renderSwitch(element, { cost, result, lang }) {
  element.hidden = !result?.costs;
  if (!changed(element, cost, element.hidden, lang)) return;
  const options = COSTS.map((value) => ({ value, text: t(`cost_${value}`), why: t(`cost_${value}_why`) }));
  keepingFocus(element, () =>
    fill(element, switches({ label: t("cost_shown"), current: cost, choose: (value) => update({ cost: value }), options })),
  );
}

/** Which run the line of linear scores comes from. */
function renderBeside(element, { run, result, lang }) {
  const beside = result?.costs && besideOf(run);
  if (!changed(element, beside?.id, lang)) return;
  fill(element, beside && [t("beside_run"), " ", h("a", { href: beside.address }, t("beside_link"))]);
}
