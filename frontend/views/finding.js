// The finding in one sentence, how to read it, and what limits it.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { t, tOr } from "../i18n.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const over = run && ["failed", "cancelled"].includes(run.status);
  element.hidden = Boolean(over);
  if (over || !changed(element, result?.finding, result?.warnings, lang)) return;
  const sentence = result?.finding?.[lang] ?? result?.finding?.en;
  keepingFocus(element, () =>
    fill(
      element,
      h("h2", { class: "visually-hidden" }, t("finding")),
      sentence
        ? h("p", { class: "finding" }, sentence)
        : h("p", { class: "finding pending" }, t("finding_pending")),
      h("div", { class: "finding-notes" }, howToRead(), warnings(result)),
    ),
  );
}

function howToRead() {
  const terms = ["stream", "update", "heldout", "adjusted", "in_sample", "interval", "sinks", "angular"];
  return h(
    "details",
    {},
    h("summary", {}, t("how_to_read")),
    h(
      "dl",
      { class: "glossary" },
      terms.flatMap((term) => [h("dt", {}, t(`term_${term}`)), h("dd", {}, t(`term_${term}_meaning`))]),
    ),
  );
}

function warnings(result) {
  const list = (result?.warnings ?? []).filter((warning) => warning.code !== "not_yet");
  const later = (result?.warnings ?? []).filter((warning) => warning.code === "not_yet");
  if (!list.length && !later.length) return null;
  const sentence = ({ code, message, data }) =>
    h("li", {}, tOr(`warning_${code}`, message, flat(data)));
  return h(
    "details",
    { class: list.length ? "warnings" : "", open: list.length > 0 && list.length <= 3 },
    h("summary", {}, list.length ? t("warnings_count", { count: list.length }) : t("not_in_version")),
    h("ul", {}, [...list, ...later].map(sentence)),
  );
}

/** Lists become text, so that a sentence can name them. */
const flat = (data = {}) =>
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Array.isArray(value) ? value.join(", ") : value]),
  );
