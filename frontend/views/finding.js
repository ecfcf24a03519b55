// The finding in one sentence, how to read it, and what limits it.

import { changed, fill, h, keepingFocus } from "../dom.js";
import { integer, median, score, significant } from "../format.js";
import { t, tOr } from "../i18n.js";
import { paperSteps } from "./paper_steps.js";
import { isInSample } from "./protocol_field.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const over = run && ["failed", "cancelled"].includes(run.status);
  element.hidden = Boolean(over);
  if (over || !changed(element, run?.kind, result?.id, result?.partial, result?.finding, lang)) return;
  const sentence = result?.finding?.[lang] ?? result?.finding?.en;
  keepingFocus(element, () =>
    fill(
      element,
      h("h2", { class: "visually-hidden" }, t("finding")),
      sentence
        ? h("p", { class: "finding" }, sentence)
        : h("p", { class: "finding pending" }, t(`finding_pending_${run?.kind ?? "linearity"}`)),
      result?.profile && keyNumbers(result),
      h("div", { class: "finding-notes" }, howToRead(run?.kind), paperSteps(result, run), warnings(result)),
    ),
  );
}

const OF_QUALITY = ["damage", "perplexity", "kl", "agreement", "damage_interval"];
const TERMS = {
  linearity: ["stream", "update", "heldout", "adjusted", "in_sample", "interval", "sinks", "angular", "cka", "effective_rank"],
  ablation: ["drop", "linear", "merged", "fitted", ...OF_QUALITY, "strategy", "splits"],
  plan: ["drop", "linear", "merged", "fitted", ...OF_QUALITY, "splits"],
  heal: ["healing", "distil", "text_objective", "drop", "linear", "merged", ...OF_QUALITY, "splits"],
  answers: ["first_difference", "answer_agreement", "repetition", "canary"],
  benchmark: ["accuracy", "accuracy_norm", "paired_difference", "mcnemar", "chance"],
  export: ["drop", "linear", "merged", "stock", "proof", ...OF_QUALITY],
  speed: ["first_token", "next_token", "throughput", "speed_ratio", "arithmetic", "cost_map"],
  passage: ["passage_error", "heldout", "passage_percentile", "sinks", "passage_parts"],
};

function howToRead(kind) {
  const terms = TERMS[kind];
  if (!terms) return null;
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
    h("li", {}, tOr(`warning_${code}`, message, readable(data)));
  return h(
    "details",
    { class: list.length ? "warnings" : "", open: list.length > 0 && list.length <= 3 },
    h("summary", {}, list.length ? t("warnings_count", { count: list.length }) : t("not_in_version")),
    h("ul", {}, [...list, ...later].map(sentence)),
  );
}

/** The facts of a warning as words that fit into a sentence. */
const readable = (data = {}) =>
  Object.fromEntries(Object.entries(data).map(([key, value]) => [key, word(value)]));

function word(value) {
  if (Array.isArray(value)) return value.map((item) => tOr(`strategy_${item}`, item)).join(", ");
  if (typeof value !== "number") return value;
  return Number.isInteger(value) ? integer(value) : significant(value);
}

/** A few numbers for those who read no charts: medians over the blocks, with their range. */
function keyNumbers(result) {
  const { profile, kept } = result;
  const first = isInSample(result)
    ? [
        ["key_stream_fit", profile.r2_fit, (value) => score(value, 4)],
        ["key_update_fit", profile.update_r2_fit, score],
      ]
    : [
        ["key_stream", profile.r2_heldout, score],
        ["key_kept", kept?.r2_heldout, (value) => score(value, 4)],
        ["key_update", profile.update_r2_heldout, score],
      ];
  const rows = [...first, ["key_norm", profile.update_norm_ratio, significant]];
  const items = rows.map(([key, values, format]) => keyNumber(t(key), values, format));
  return h("dl", { class: "key-numbers" }, items);
}

function keyNumber(name, values, format) {
  const there = (values ?? []).filter((value) => value !== null);
  const item = (...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
  if (!there.length) return item("–");
  const range = t("key_range", { low: format(Math.min(...there)), high: format(Math.max(...there)) });
  return item(h("strong", {}, format(median(there))), h("span", { class: "quiet" }, range));
}
