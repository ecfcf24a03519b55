// The numbers of a comparison, one row for each block.

import { interval, score } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";

/** @param {object} comparison as the API tells it @param {"stream"|"update"} kind @returns {HTMLElement} */
export function compareTable({ runs, scores }, kind) {
  const [first, second] = runs.map(({ dataset }) => dataset.name);
  return plainTable({
    kind: "compared",
    caption: t(kind === "update" ? "compare_table_update" : "compare_table_stream"),
    heads: [t("block"), first, second, t("compare_difference"), t("compare_mark")],
    rows: scores[kind].map((row) => [
      String(row.block),
      withInterval(score(row.first), row.first_ci95),
      withInterval(score(row.second), row.second_ci95),
      withInterval(signed(row.difference), row.low === null ? null : [row.low, row.high]),
      t(row.differs ? "compare_differs" : row.low === null ? "compare_unknown" : "compare_same"),
    ]),
  });
}

const withInterval = (text, pair) => (pair ? `${text} (${interval(pair)})` : text);

function signed(value) {
  if (value === null || Math.abs(value) < 0.0005) return score(value && 0);
  return value > 0 ? `+${score(value)}` : score(value);
}
