// Every document of a plan as a keyboard grid, the most damaged first.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { integer, score } from "../format.js";
import { renderGrid, selectInGrid } from "../grid.js";
import { t } from "../i18n.js";
import { getState } from "../state.js";
import { damage, protocolLine, share } from "./quality.js";

const NUMBERS = ["damage", "kl", "top1", "tokens_used", "nll_dense", "nll"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const documents = sorted(result);
  element.hidden = documents.length === 0;
  if (element.hidden || !changed(element, result.id, documents.length, result.partial, lang)) return;
  const holder = h("div", { class: "grid scroll-x grid-blocks grid-documents" });
  keepingFocus(element, () =>
    fill(
      element,
      h("h2", {}, t("documents_title")),
      protocolLine(result.protocol),
      holder,
      h("p", { class: "quiet small-print" }, t("grid_keys")),
    ),
  );
  const categories = documents.some(({ category }) => category);
  const columns = [...NUMBERS, ...(categories ? ["category"] : []), "title"];
  renderGrid(holder, {
    label: t("documents_title"),
    corner: t("column_document"),
    columns: columns.map((key) => t(`column_${key}`)),
    rows: documents.map((document) => ({
      head: String(document.document),
      cells: [...cells(document), ...(categories ? [document.category ?? "–"] : []), document.title],
    })),
    choose: (row) => select(documents[row].document),
    leave: () => document.getElementById("plan-numbers").focus(),
  });
}

/** Show which row a bar of the picture stands for. */
export function select(number) {
  const grid = document.querySelector(".grid-documents");
  const row = sorted(getState().result).findIndex((one) => one.document === number);
  if (!grid || row < 0) return;
  selectInGrid(grid, [row, -1]);
  grid.querySelector("td[aria-selected=true]").scrollIntoView({ block: "nearest" });
}

const sorted = (result) => [...(result?.documents ?? [])].sort((a, b) => b.nll_diff - a.nll_diff);

const cells = ({ nll_diff: diff, kl, top1, tokens, nll_dense: dense, nll }) => [
  damage(diff),
  score(kl, 4),
  share(top1),
  integer(tokens),
  score(dense),
  score(nll),
];
