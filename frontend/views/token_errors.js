// How the errors of single tokens spread at every block: a picture, with its table.

import { changed, fill, h } from "../dom.js";
import { percent, significant } from "../format.js";
import { t } from "../i18n.js";
import { panel, plot } from "./panel.js";
import { transitionHead } from "./places.js";
import { plainTable } from "./plain_table.js";

const HEADS = ["p50", "p95", "p99", "beyond_mean"];

/** @returns {{plot: HTMLElement, element: HTMLElement, speak: () => void, render: (state: import("../state.js").State) => void}} */
export function tokenErrorsPanel() {
  const place = plot("token_errors");
  const table = h("div", { class: "scroll-x" });
  const title = h("summary");
  const { element, speak } = panel("token_errors", place);
  element.append(h("details", {}, title, table));
  const render = ({ result, lang }) => {
    element.hidden = !hasErrors({ result });
    if (element.hidden || !changed(element, result.id, lang)) return;
    fill(title, t("numbers_by_block"));
    const rows = result.token_errors.counts.map((_, block) => row(block, result));
    fill(table, plainTable({ heads: [t("block"), ...HEADS.map((key) => t(`column_${key}`))], rows }));
  };
  return { plot: place, element, speak, render };
}

/** A result of before these counts, and one that is still being measured, has none. */
export const hasErrors = ({ result }) => Boolean(result?.token_errors);

function row(block, result) {
  const { tokens, counts, edges, p50, p95, p99 } = result.token_errors;
  const asBadAsMean = edges.indexOf(1) + 1; // a map no better than the mean has the error 1
  const beyond = counts[block].slice(asBadAsMean).reduce((sum, count) => sum + count, 0);
  return [transitionHead(result, block), ...[p50, p95, p99].map((values) => significant(values[block])), percent(beyond / tokens)];
}
