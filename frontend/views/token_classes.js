// Where in the text a model is not linear: a picture by class of token, with its table.

import { changed, fill, h } from "../dom.js";
import { integer, median, significant } from "../format.js";
import { t } from "../i18n.js";
import { panel, plot } from "./panel.js";
import { transitionName } from "./places.js";
import { plainTable } from "./plain_table.js";

const HEADS = ["token_class", "heldout_tokens", "median_error", "largest_error"];

/** @returns {{plot: HTMLElement, element: HTMLElement, speak: () => void, render: (state: import("../state.js").State) => void}} */
export function tokenClassesPanel() {
  const place = plot("token_classes");
  const table = h("div", { class: "scroll-x" });
  const title = h("summary");
  const { element, speak } = panel("token_classes", place);
  element.append(h("details", {}, title, table));
  const render = ({ result, lang }) => {
    element.hidden = !hasClasses({ result });
    if (element.hidden || !changed(element, result.id, lang)) return;
    const rows = result.token_classes.names.map((name, index) => row(name, index, result));
    fill(title, t("numbers_by_class"));
    fill(table, plainTable({ heads: HEADS.map((key) => t(`column_${key}`)), rows }));
  };
  return { plot: place, element, speak, render };
}

/** A result of before the classes, and one that is still being measured, has none. */
export const hasClasses = ({ result }) => Boolean(result?.token_classes);

function row(name, index, result) {
  const { tokens, error } = result.token_classes;
  const errors = error.map((block) => block[index]);
  const largest = Math.max(...errors);
  const at = t("at_place", { place: transitionName(result, errors.indexOf(largest)) });
  return [
    t(`class_${name}`),
    integer(tokens[index]),
    significant(median(errors)),
    h("span", {}, significant(largest), h("span", { class: "quiet" }, ` ${at}`)),
  ];
}
