// The selected point of a curve: its plan, its numbers, and what can be asked about it.

import { curveKey, namedCurves, shownCurve, shownPoint } from "../curves.js";
import { changed, fill, h, keepingFocus } from "../dom.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { nextSteps } from "./next_steps.js";
import { actionName, damage, notHarmless, planText, protocolLine, qualityNumbers, strategyName } from "./quality.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state @param {(values: object) => void} put */
export function render(element, state, put) {
  const { run, result, lang } = state;
  const [curve, point] = [shownCurve(state), shownPoint(state)];
  if (!changed(element, result?.id, curve && curveKey(curve), point, run?.status, lang)) return;
  keepingFocus(element, () => fill(element, ...(point ? chosen(run, result, curve, point) : nothing())));
  if (point) put({ plan: point.plan, ...(curve.fitting ? { fitting: curve.fitting } : {}) });
}

/** A click on a line of the picture selects its point. */
export function chooseOnCurve({ x, line }, { result }) {
  if (!line?.strategy || !Number.isInteger(x)) return;
  const key = curveKey(line);
  if (namedCurves({ result }).some((curve) => curveKey(curve) === key)) update({ curve: key, n: x });
}

/** @returns {string} one sentence for the live region */
export function summary(state) {
  const [curve, point] = [shownCurve(state), shownPoint(state)];
  if (!point) return "";
  return t("plan_summary", {
    strategy: strategyName(curve.strategy),
    count: point.changed,
    damage: damage(point.nll_diff),
  });
}

const nothing = () => [h("h2", {}, t("chosen_plan")), h("p", { class: "quiet" }, t("chosen_none"))];

function chosen(run, result, curve, point) {
  const { strategy, action, fitting } = curve;
  const count = point.changed === 1 ? t("one_block_changed") : t("blocks_changed", { count: point.changed });
  return [
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, count),
      h("span", { class: "quiet" }, `${strategyName(strategy)} · ${actionName(action, fitting)}`),
      steps(curve, point),
    ),
    h("p", {}, planText(point.plan)),
    point.edge && h("p", { class: "quiet small-print" }, t("edge_note")),
    qualityNumbers(point, result.dense),
    protocolLine(result.protocol),
    notHarmless(),
    nextSteps(run, { plan: point.plan, fitting }, {}),
  ];
}

function steps(curve, point) {
  const at = curve.points.indexOf(point);
  const move = (by) => update({ curve: curveKey(curve), n: curve.points[at + by].changed });
  const button = (text, click, more = {}) =>
    h("button", { type: "button", class: "small", on: { click }, ...more }, text);
  return h(
    "span",
    { class: "details-steps" },
    button("←", () => move(-1), { "aria-label": t("fewer_blocks"), disabled: at === 0 }),
    button("→", () => move(1), { "aria-label": t("more_blocks"), disabled: at === curve.points.length - 1 }),
    button(t("clear_selection"), () => update({ n: null })),
  );
}
