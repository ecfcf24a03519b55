// What the curves show, and a button for every curve that is also its entry in the key.

import { curveKey, namedCurves, shownCurve } from "../curves.js";
import { changed, fill, h, keepingFocus, switches } from "../dom.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { ACTIONS, METRICS } from "../view_keys.js";
import { actionName, strategyName, stroke } from "./quality.js";

const SHARES = ["top1", "top5"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { metric, action, fitting, axis, lang, run }) {
  const { actions = ACTIONS, fitting: fittings = [] } = run?.params ?? {};
  if (!changed(element, metric, action, fitting, axis, actions, fittings, lang)) return;
  keepingFocus(element, () =>
    fill(
      element,
      metricSwitch(metric),
      actions.length > 1 && actionSwitch(action, actions),
      fittings.length > 1 && actions.join() !== "drop" && fittingSwitch(fitting, fittings),
      axisSwitch(axis, metric),
    ),
  );
}

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function renderPicker(element, state) {
  const curves = namedCurves(state);
  const shown = shownCurve(state);
  const keys = curves.map(curveKey);
  if (!changed(element, keys, shown && curveKey(shown), state.lang)) return;
  const button = (curve) =>
    h(
      "button",
      {
        type: "button",
        class: "small curve-button",
        "aria-pressed": String(curve === shown),
        on: { click: () => update({ curve: curveKey(curve) }) },
      },
      stroke(curve.strategy, curve.action),
      `${strategyName(curve.strategy)} · ${actionName(curve.action, curve.fitting)}`,
    );
  keepingFocus(element, () =>
    fill(
      element,
      curves.length > 0 && h("span", { class: "quiet" }, t("curve_shown")),
      h("div", { class: "curve-buttons", role: "group", "aria-label": t("curve_shown") }, curves.map(button)),
    ),
  );
}

/** @returns {HTMLElement} which number of a point is drawn */
export const metricSwitch = (metric) =>
  switches({
    label: t("metric"),
    current: metric,
    choose: (value) => update({ metric: value }),
    options: METRICS.map((value) => ({ value, text: t(`metric_${value}`), why: t(`metric_${value}_why`) })),
  });

const actionSwitch = (action, asked) =>
  switches({
    label: t("action"),
    current: asked.includes(action) ? action : "all",
    choose: (value) => update({ action: value }),
    options: ["all", ...asked].map((value) => ({ value, text: t(`action_${value}`), why: t(`action_${value}_why`) })),
  });

const fittingSwitch = (fitting, asked) =>
  switches({
    label: t("field_fitting"),
    current: asked.includes(fitting) ? fitting : "all",
    choose: (value) => update({ fitting: value }),
    options: ["all", ...asked].map((value) => ({ value, text: t(`fitting_${value}`) })),
  });

/** @returns {HTMLElement} linear or logarithmic */
export function axisSwitch(axis, metric) {
  const unscaled = SHARES.includes(metric);
  return switches({
    label: t("axis_scale"),
    current: unscaled ? "linear" : axis,
    choose: (value) => update({ axis: value }),
    options: ["linear", "log"].map((value) => ({
      value,
      text: t(`axis_${value}`),
      disabled: unscaled && value === "log",
      why: unscaled ? t("axis_share_why") : t(`axis_${value}_why`),
    })),
  });
}
