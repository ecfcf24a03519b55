// Where a plan does most harm: worst documents and tokens, clearly worse categories, prompts to watch.

import { changed, fill, h } from "../dom.js";
import { integer, score } from "../format.js";
import { t } from "../i18n.js";
import { byteNote } from "./byte_note.js";
import { plainTable } from "./plain_table.js";
import { damage, protocolLine, share } from "./quality.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { result, lang }) {
  const guard = result?.guard;
  element.hidden = !guard;
  if (!guard || !changed(element, result.id, result.partial, lang)) return;
  fill(
    element,
    h("h2", {}, t("guard")),
    h("p", { class: "quiet prose" }, t("guard_note")),
    protocolLine(result.protocol),
    worstDocuments(guard, result.documents ?? []),
    worstCategories(guard.worst_categories ?? []),
    worstTokens(guard.worst_tokens ?? []),
    canaries(guard.canaries ?? []),
  );
}

const part = (key, content) => h("section", { class: "guard-part" }, h("h3", {}, t(key)), content);

function worstDocuments({ worst_documents: worst }, documents) {
  const found = (worst ?? []).map((number) => documents.find(({ document }) => document === number));
  const rows = found.filter(Boolean).map((one) => [
    one.title,
    String(one.document),
    score(one.kl, 4),
    damage(one.nll_diff),
    share(one.top1),
    integer(one.tokens),
  ]);
  const heads = ["title", "document", "kl", "damage", "top1", "tokens_used"].map((key) => t(`column_${key}`));
  return rows.length > 0 && part("worst_documents", plainTable({ heads, rows, kind: "texts" }));
}

const worstCategories = (list) =>
  list.length > 0 && h("p", {}, t("worst_categories", { categories: list.map((name) => `“${name}”`).join(", ") }));

function worstTokens(list) {
  const heads = ["where", "dense_expected", "changed_expected", "kl", "damage", "document"];
  const rows = list.map((one) => [
    h("span", { class: "context-text" }, visible(tail(one.before)), h("mark", {}, visible(one.token))),
    h("code", {}, visible(one.dense)),
    h("code", {}, visible(one.changed)),
    score(one.kl, 2),
    score(one.nll_diff, 2),
    t("document_position", { document: integer(one.document), position: integer(one.position) }),
  ]);
  return (
    list.length > 0 &&
    part("worst_tokens", [
      plainTable({ heads: heads.map((key) => t(`column_${key}`)), rows, kind: "texts" }),
      byteNote(list.flatMap(({ before, token, dense, changed: other }) => [before, token, dense, other])),
    ])
  );
}

const canaries = (list) =>
  list.length > 0 &&
  part("canaries_recommended", [
    h("p", { class: "quiet" }, t("canaries_note")),
    h("ol", { class: "canary-list" }, list.map((text) => h("li", {}, h("q", {}, text)))),
  ]);

const BEFORE = 120;
const tail = (text) => (text.length > BEFORE ? `…${text.slice(-BEFORE)}` : text);

/** Line ends and tabs are tokens, too: they are shown as signs. */
const visible = (text) => text.replace(/\n[\n ]*/g, "⏎ ").replaceAll("\t", "⇥");
