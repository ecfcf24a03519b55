// The errors as a keyboard grid, a row a token and a column a block; made when somebody opens it.

import { changed, fill, h } from "../dom.js";
import { significant } from "../format.js";
import { renderGrid, selectInGrid } from "../grid.js";
import { t } from "../i18n.js";
import { shownBlock, shownToken } from "../passages.js";
import { blocksOf } from "../scores.js";
import { getState, update } from "../state.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, state) {
  const { result, lang } = state;
  element.hidden = !result?.passage;
  if (element.hidden) return;
  if (changed(element, result.id, lang)) build(element);
  const holder = element.querySelector(".grid");
  if (!element.querySelector("details").open) return;
  if (changed(holder, result.id, lang)) renderGrid(holder, grid(result));
  const token = shownToken(state);
  selectInGrid(holder, token === null ? null : [token, shownBlock(state)]);
}

function build(element) {
  const holder = h("div", { class: "grid scroll-x grid-passage" });
  fill(
    element,
    h("details", { on: { toggle: () => render(element, getState()) } },
      h("summary", {}, t("passage_numbers")), holder, h("p", { class: "quiet small-print" }, t("grid_keys"))),
  );
}

const grid = (result) => ({
  label: t("passage_numbers"),
  corner: t("passage_corner"),
  columns: [...Array(blocksOf(result)).keys()].map(String),
  rows: result.passage.map((token, index) => ({
    head: `${index} ${token.text.replaceAll("\n", "⏎")}`.trim(),
    cells: result.error[index].map(significant),
  })),
  selected: null,
  choose: (row, column) => update({ n: row + 1, sel: { from: column, to: column + 1 } }),
  leave: () => document.getElementById("details").focus(),
});
