// How to cite the run: the paper, the software, the run by its digests; as text and as BibTeX.

import { getCitation } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { copyButton } from "./copy_button.js";
import { problemText } from "./problem.js";

let known = null;

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export async function render(element, { run, lang }) {
  const there = run?.status === "finished";
  element.hidden = !there;
  if (!there || !changed(element, run.id, run.finished, lang)) return;
  const head = h("h2", {}, t("cite_title"));
  try {
    if (known?.id !== run.id) known = { id: run.id, citation: await getCitation(run.id) };
    const { text, bibtex } = known.citation;
    fill(element, head, field("cite_text", text[lang] ?? text.en, 6), field("cite_bibtex", bibtex, 12));
  } catch (error) {
    fill(element, head, problemText(error));
  }
}

function field(key, value, rows) {
  const area = h("textarea", { id: key, readonly: true, rows, spellcheck: "false", value });
  const label = h("label", { for: key }, t(key));
  return h("div", { class: "citation" }, label, copyButton(area, { class: "small" }), area);
}
