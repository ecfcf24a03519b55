// A table to read, not to walk through: on a phone every row becomes a small card.

import { h } from "../dom.js";

/**
 * @param {{caption?: string, heads: string[], rows: (Node|string|null)[][], kind?: string}} table
 *   the first cell of a row names it
 */
export function plainTable({ caption, heads, rows, kind = "" }) {
  return h(
    "table",
    { class: `plain-table ${kind}` },
    caption && h("caption", {}, caption),
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((cells) => row(cells, heads))),
  );
}

const row = ([first, ...others], heads) =>
  h(
    "tr",
    {},
    h("th", { scope: "row" }, first),
    others.map((cell, index) => h("td", { "data-label": heads[index + 1] }, cell ?? "–")),
  );
