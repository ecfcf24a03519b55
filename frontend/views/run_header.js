// Title of a run: which model, how large, on which text, how many tokens.

import { addresses } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { integer, percent } from "../format.js";
import { t } from "../i18n.js";
import { seenTokens } from "../scores.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const seen = result && !result.partial ? seenTokens(result) : null;
  if (!run || !changed(element, run.id, run.model, run.dataset, run.params, seen, lang)) return;
  const { model, dataset, params } = run;
  const facts = [
    model.blocks && t("blocks_by_width", { blocks: model.blocks, width: model.width }),
    t("on_dataset", { dataset: dataset.name }),
    tokensFact(seen, params.tokens),
    params.heldout && t("heldout_share", { share: percent(params.heldout) }),
    params.exclude && t(`exclude_${params.exclude}`),
  ];
  document.title = `${model.name} · ${dataset.name} · LinearScope`;
  fill(
    element,
    h("h1", {}, model.name),
    h("ul", { class: "facts" }, facts.filter(Boolean).map((fact) => h("li", {}, fact))),
    h("a", { class: "quiet-link", href: addresses.start() }, t("new_measurement")),
  );
}

/** Before the end only what was asked for is known. */
function tokensFact(seen, asked) {
  if (seen !== null) return t("tokens", { tokens: integer(seen) });
  return asked && t("tokens_asked", { tokens: integer(asked) });
}
