// The dataset in figures: rows, tokens, languages, lengths, categories, copies, rows left out.

import { h } from "../dom.js";
import { integer, percent } from "../format.js";
import { language, t } from "../i18n.js";

const SHOWN = 12;
const UNKNOWN_FROM = 0.02;

/** @returns {Node[]|null} */
export function datasetSummary(facts) {
  const { summary, rows, tokens, model, categories, duplicates, problems, dropped } = facts;
  if (!summary) return badRows(problems, dropped);
  const about = (value) => (rows.exact ? integer(value) : t("about_count", { count: integer(rounded(value)) }));
  const { p10, p50, p90, max } = summary.lengths;
  const entries = [
    ["documents", about(summary.documents)],
    ["characters", about(summary.characters)],
    summary.questions > 0 && ["questions", about(summary.questions)],
    summary.answers > 0 && ["answers", about(summary.answers)],
    tokens !== null && ["tokens", t("about_tokens", { count: integer(rounded(tokens)), model })],
    Object.keys(summary.languages).length > 0 && ["languages", shares(Object.entries(summary.languages), languageName)],
    ["lengths", t("lengths_text", { p10: integer(p10), p50: integer(p50), p90: integer(p90), max: integer(max) })],
    categories.length > 0 && ["categories", shares(categories.map(({ name, count }) => [name, count]), String)],
    duplicates.count > 0 && ["duplicates", t("duplicates_text", { count: integer(duplicates.count), of: integer(duplicates.of) })],
    dropped.empty > 0 && ["empty", integer(dropped.empty)],
  ];
  return [
    h("h3", {}, t("dataset_summary")),
    h("dl", { class: "dataset-facts" }, entries.filter(Boolean).map(([name, value]) => [h("dt", {}, t(`summary_${name}`)), h("dd", {}, value)]).flat()),
    facts.unknown_tokens > UNKNOWN_FROM &&
      h("p", { class: "warning-line" }, t("unknown_tokens_text", { share: percent(facts.unknown_tokens), model })),
    !rows.exact && h("p", { class: "field-note" }, t("estimated_note")),
    ...(badRows(problems, dropped) ?? []),
  ];
}

function badRows(problems, dropped) {
  if (problems.length === 0) return null;
  return [
    h(
      "details",
      { class: "bad-rows", open: true },
      h("summary", {}, t("bad_rows_text", { count: integer(dropped.bad ?? problems.length) })),
      h("ul", { lang: "en" }, problems.map(({ message }) => h("li", {}, message))),
    ),
  ];
}

function shares(entries, name) {
  const total = entries.reduce((sum, [, count]) => sum + count, 0);
  const words = entries.slice(0, SHOWN).map(([key, count]) => `${name(key)} ${percent(count / total)}`);
  const more = entries.length > SHOWN ? [t("more_of_them", { count: integer(entries.length - SHOWN) })] : [];
  return [...words, ...more].join(language() === "ja" ? "、" : ", ");
}

function languageName(code) {
  if (code === "und") return t("language_unknown");
  try {
    return new Intl.DisplayNames([language()], { type: "language" }).of(code);
  } catch {
    return code;
  }
}

/** Three digits: an estimate does not know more. */
const rounded = (value) => Number(value.toPrecision(3));
