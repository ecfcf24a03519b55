// How much a log holds, of when, what was estimated, and which rows were left out.

import { h } from "../dom.js";
import { amount, integer, moment } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";

export function logFacts({ totals, measures, currency, first, last, tokens, known }) {
  const facts = [t("log_requests", { requests: integer(totals.requests), tokens: integer(totals.tokens) })];
  if (measures.includes("cost")) facts.push(`${t("measure_cost")} ${amount("cost", totals.cost, currency)}`);
  if (first) facts.push(t("log_period", { first: moment(first), last: moment(last) }));
  const estimated = known.estimated > 0 && h("p", { class: "warning-line" }, t(`log_tokens_${tokens}`, { requests: integer(known.estimated) }));
  return [h("p", { class: "quiet" }, facts.join(" · ")), estimated];
}

/** @param {{reason: string, column: string|null, rows: number, lines: number[]}[]} skipped */
export function skippedRows(skipped) {
  if (!skipped.length) return null;
  const rows = skipped.reduce((sum, kind) => sum + kind.rows, 0);
  return h(
    "details",
    { class: "log-skipped" },
    h("summary", {}, t("log_skipped", { rows: integer(rows) })),
    plainTable({
      heads: ["reason", "column", "rows", "lines"].map((name) => t(`skipped_${name}`)),
      rows: skipped.map((kind) => [
        t(`skipped_${kind.reason}`),
        kind.column,
        integer(kind.rows),
        kind.lines.map(integer).join(", ") + (kind.rows > kind.lines.length ? " …" : ""),
      ]),
    }),
  );
}
