// The first records as they would be read, and the columns of the table with a few of their cells.

import { h } from "../dom.js";
import { integer, percent } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";

/** @returns {Node[]|null} */
export function recordsTable({ records }) {
  if (records.length === 0) return null;
  const has = (name) => records.some((record) => record[name] !== null && record[name] !== undefined);
  const names = ["text", "messages", "prompt", "choices", "response", "category"].filter(has);
  const heads = [t("record_number"), ...names.map((name) => t(`reading_${name}`))];
  const rows = records.map((record, index) => [integer(index + 1), ...names.map((name) => cell(name, record[name]))]);
  return [h("h3", {}, t("first_records")), scroller(t("first_records"), plainTable({ heads, rows, kind: "records" }))];
}

function cell(name, value) {
  if (value === null || value === undefined) return null;
  if (name === "choices") return h("ul", { class: "turns" }, value.map((text) => h("li", { dir: "auto" }, text)));
  if (name !== "messages") return h("span", { class: "cell-text", dir: "auto" }, value);
  return h("ul", { class: "turns" }, value.map(({ role, content }) => h("li", { dir: "auto" }, h("b", {}, role), " ", content)));
}

/** @returns {Node[]|null} */
export function columnsTable({ columns }) {
  if (columns.length === 0) return null;
  const counted = columns.some(({ tokens }) => tokens !== null);
  const heads = ["name", "holds", "cells", "filled", "characters", ...(counted ? ["token_count"] : [])];
  const rows = columns.map((column) => [
    h("span", { dir: "auto" }, column.name),
    t(`column_kind_${column.kind}`),
    h("ul", { class: "cells" }, column.cells.map((text) => h("li", { dir: "auto" }, text))),
    percent(column.filled),
    integer(column.characters),
    ...(counted ? [integer(column.tokens)] : []),
  ]);
  const table = plainTable({ heads: heads.map((name) => t(`column_${name}`)), rows, kind: "columns" });
  return [h("h3", {}, t("dataset_columns")), scroller(t("dataset_columns"), table, "columns-scroller")];
}

const scroller = (label, table, kind = "") => h("div", { class: `scroller ${kind}`, role: "region", "aria-label": label, tabindex: "0" }, table);
