// Damage by route, task or kind of text: the picture with its table, or a whole region that is not there.

import { changed, fill, h } from "../dom.js";
import { integer, score } from "../format.js";
import { t } from "../i18n.js";
import { panel, plot } from "./panel.js";
import { plainTable } from "./plain_table.js";
import { damage, range, share } from "./quality.js";

const ROW_HEIGHT = 30;
const AXIS_HEIGHT = 64;

/** @returns {{plot: HTMLElement, element: HTMLElement, speak: () => void, render: (point: object|null, result: object, lang: string) => void}} */
export function categoriesPanel() {
  const place = plot("categories");
  const of = h("p", { class: "quiet small-print" });
  const table = h("div", { class: "scroll-x" });
  const { element, speak } = panel("categories", place, of);
  element.append(table);
  const render = (point, result, lang) => {
    const list = categoriesOf(point, result);
    element.hidden = list.length === 0;
    if (element.hidden || !changed(element, result.id, point?.plan, list, lang)) return;
    place.style.height = `${AXIS_HEIGHT + ROW_HEIGHT * (list.length + 1)}px`;
    fill(of, result.kind === "ablation" ? t("categories_of_plan", { plan: point.plan }) : "");
    fill(table, categoriesTable(list, point));
  };
  return { plot: place, element, speak, render };
}

/** A plan from before schema 2 has its categories in the guard. */
export const categoriesOf = (point, result) => point?.categories ?? result?.guard?.categories ?? [];

/** The whole interval above the damage on all tokens: more than chance. */
export const isWorse = ({ ci95 }, point) => Boolean(ci95) && ci95[0] > point.nll_diff;

function categoriesTable(list, point) {
  const heads = ["category", "damage", "damage_interval", "kl", "top1", "documents", "tokens_used"];
  const rows = [...list]
    .sort((a, b) => b.nll_diff - a.nll_diff)
    .map((one) => [
      h("span", {}, one.category, isWorse(one, point) && h("span", { class: "badge badge-worse" }, t("worse_than_all"))),
      damage(one.nll_diff),
      range(one.ci95, 4),
      score(one.kl, 4),
      share(one.top1),
      integer(one.documents),
      integer(one.tokens),
    ]);
  return plainTable({ heads: heads.map((key) => t(`column_${key}`)), rows });
}
