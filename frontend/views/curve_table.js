// The points of the selected curve as a keyboard grid.

import { curveKey, shownCurve } from "../curves.js";
import { changed, fill, h, keepingFocus } from "../dom.js";
import { score } from "../format.js";
import { renderGrid, selectInGrid } from "../grid.js";
import { t } from "../i18n.js";
import { update } from "../state.js";
import { actionName, damage, perplexity, perplexityRange, protocolLine, range, share, strategyName } from "./quality.js";

const COLUMNS = ["ppl", "ppl_interval", "damage", "damage_interval", "kl", "top1", "top5", "plan"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, state) {
  const { result, n, lang } = state;
  const curve = shownCurve(state);
  element.hidden = !curve;
  if (!curve) return;
  if (changed(element, result.id, curveKey(curve), curve.points.length, result.partial, lang)) {
    rebuild(element, result, curve);
  }
  const row = curve.points.findIndex(({ changed: count }) => count === n);
  selectInGrid(element, row < 0 ? null : [row, -1]);
}

function rebuild(element, result, curve) {
  const title = t("curve_title", {
    strategy: strategyName(curve.strategy),
    action: actionName(curve.action, curve.fitting),
  });
  const holder = h("div", { class: "grid scroll-x grid-blocks grid-curve" });
  keepingFocus(element, () =>
    fill(
      element,
      h("h2", {}, title),
      protocolLine(result.protocol),
      holder,
      h("p", { class: "quiet small-print" }, t("grid_keys")),
    ),
  );
  renderGrid(holder, {
    label: title,
    corner: t("column_changed"),
    columns: COLUMNS.map((key) => t(`column_${key}`)),
    rows: curve.points.map((point) => ({ head: head(point), cells: cells(point, result.dense) })),
    choose: (row) => update({ curve: curveKey(curve), n: curve.points[row].changed }),
    leave: () => document.getElementById("chosen-plan").focus(),
  });
}

const head = ({ changed: count, edge }) => (edge ? `${count} ◦` : String(count));

const cells = (point, dense) => [
  perplexity(point.ppl),
  perplexityRange(point, dense),
  damage(point.nll_diff),
  range(point.ci95, 4),
  score(point.kl, 4),
  share(point.top1),
  share(point.top5),
  point.plan.replaceAll(",", ",\u200b"),
];
