// The three splits, and how often the one for reports was opened.

import { changed, fill, h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { plainTable } from "./plain_table.js";

const SPLITS = ["fit", "select", "report"];

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const splits = result?.splits;
  element.hidden = !splits;
  if (!splits || !changed(element, splits, run?.report_openings, lang)) return;
  fill(
    element,
    h("h2", {}, t("splits")),
    h("p", { class: "quiet prose" }, t("splits_note")),
    plainTable({
      heads: ["split", "documents", "used_documents", "tokens_used"].map((key) => t(`column_${key}`)),
      rows: SPLITS.filter((name) => splits[name]).map((name) => row(name, splits[name])),
    }),
    h("p", {}, openingsText(run)),
  );
}

const row = (name, { documents, used_documents: used, tokens }) => [
  t(`split_${name}_named`),
  integer(documents),
  used || tokens ? integer(used) : t("not_opened"),
  used || tokens ? integer(tokens) : t("not_opened"),
];

/** How often split B was opened for this model and text, by any plan. */
export function openingsText(run) {
  const count = run?.report_openings;
  if (count === null || count === undefined) return "";
  if (count === 0) return t("openings_none");
  return count === 1 ? t("openings_once") : t("openings_many", { count: integer(count) });
}
