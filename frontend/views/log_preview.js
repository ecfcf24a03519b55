// The first rows of a log as they are read now.

import { h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";

/** @param {{columns: string[], rows: {line: number, cells: (string|null)[]}[], unreadable: number[]}} preview */
export function previewTable({ columns, rows, unreadable }) {
  const head = (text) => h("th", { scope: "col" }, text);
  const row = ({ line, cells }) => h("tr", {}, h("th", { scope: "row" }, integer(line)), cells.map((cell) => h("td", {}, h("div", { class: "cell-text" }, cell ?? "–"))));
  return [
    h(
      "div",
      { class: "scroll-x preview", tabindex: "0", role: "region", "aria-label": t("log_first_rows") },
      h("table", {}, h("thead", {}, h("tr", {}, head(t("log_line")), columns.map(head))), h("tbody", {}, rows.map(row))),
    ),
    unreadable.length > 0 && h("p", { class: "warning-line" }, t("log_unreadable", { lines: unreadable.slice(0, 5).map(integer).join(", ") })),
  ];
}
