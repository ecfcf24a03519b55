// How well what a strategy ranks by agrees with the damage measured block by block.

import { changed, fill, h } from "../dom.js";
import { integer, score } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";
import { actionName, strategyName } from "./quality.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const rows = result?.rank_correlation ?? [];
  if (!changed(element, rows, Boolean(result?.partial), lang)) return;
  const actions = [...new Set(rows.map(({ action }) => action))];
  const strategies = [...new Set(rows.map(({ strategy }) => strategy))];
  fill(
    element,
    h("h2", {}, t("correlation")),
    h("p", { class: "quiet prose" }, t("correlation_note")),
    rows.length
      ? plainTable({
          heads: [t("column_strategy"), ...actions.map((action) => t("damage_of", { action: actionName(action) }))],
          rows: strategies.map((strategy) => [
            strategyName(strategy),
            ...actions.map((action) => cell(rows, strategy, action)),
          ]),
        })
      : h("p", { class: "quiet" }, t("correlation_later")),
  );
}

function cell(rows, strategy, action) {
  const found = rows.find((row) => row.strategy === strategy && row.action === action);
  if (!found) return null;
  const { spearman, blocks, by_definition: same } = found;
  if (spearman === null) return t("correlation_undefined", { blocks: integer(blocks) });
  const sign = spearman > 0 ? "+" : "";
  const note = same ? t("by_definition") : t("over_blocks", { blocks: integer(blocks) });
  return h("span", {}, h("strong", {}, `${sign}${score(spearman, 2)}`), h("span", { class: "quiet" }, ` ${note}`));
}
