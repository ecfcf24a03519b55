// The numbers of a changed model, written the same everywhere, and how they were measured.

import { perplexityInterval } from "../curves.js";
import { h } from "../dom.js";
import { integer, interval, percent, score, significant } from "../format.js";
import { t } from "../i18n.js";

const MISSING = "–";

export const share = (value) => (value === null || value === undefined ? MISSING : percent(value));
export const damage = (value) => score(value, 4);
export const range = (pair, digits) => interval(pair, digits) || MISSING;
export const perplexity = (value) => significant(value);
export const perplexityRange = (point, dense) => {
  const ends = perplexityInterval(point, dense);
  return ends ? `${significant(ends[0])} – ${significant(ends[1])}` : MISSING;
};

/** Damage, perplexity, KL and agreement of a point, large; the interval beside each that has one. */
export function qualityNumbers(point, dense) {
  const before = dense ? `${significant(dense.ppl)} → ` : "";
  return h(
    "dl",
    { class: "key-numbers" },
    number("damage", damage(point.nll_diff), t("interval_of", { range: range(point.ci95, 4) })),
    number("perplexity", `${before}${perplexity(point.ppl)}`, perplexityRange(point, dense)),
    number("kl", score(point.kl, 4), t("nats")),
    number("top1", share(point.top1)),
    number("top5", share(point.top5)),
  );
}

function number(key, value, beside) {
  const more = beside && h("span", { class: "quiet" }, beside);
  return h("div", {}, h("dt", {}, t(`key_${key}`)), h("dd", {}, h("strong", {}, value), more));
}

/** Context, stride, BOS, tokens, documents and split: printed with every block of numbers. */
export function protocolLine(protocol) {
  if (!protocol) return null;
  const { split, tokens, documents, windows, context, stride, bos, template } = protocol;
  const facts = [
    t(`split_${split}_named`),
    t("scored_tokens", { tokens: integer(tokens) }),
    protocol.context_tokens > 0 && t("context_tokens", { tokens: integer(protocol.context_tokens) }),
    t("in_documents", { documents: integer(documents), windows: integer(windows) }),
    t("context_stride", { context: integer(context), stride: integer(stride) }),
    t(bos ? "with_bos" : "without_bos"),
    ["chat", "mixed"].includes(template) && t(`template_${template}_used`),
  ];
  return h("p", { class: "protocol" }, facts.filter(Boolean).join(" · "));
}

/** Perplexity and KL alone never show that a plan does no harm. */
export const notHarmless = () => h("p", { class: "caution" }, t("not_harmless"));

export const planText = (text) => h("code", { class: "plan-text" }, text.replaceAll(",", ",\u200b"));

export const strategyName = (strategy) => t(`strategy_${strategy}`);

/** "linear, one-shot"; nothing is fitted for a drop. */
export const actionName = (action, fitting) =>
  fitting ? t("action_fitted", { action: t(`action_${action}`), fitting: t(`fitting_${fitting}`) }) : t(`action_${action}`);

/** A short stroke in the colour and dash of a curve, as the picture has it. */
export const stroke = (strategy, action) =>
  h("span", { class: `stroke stroke-${strategy} dash-${action}`, "aria-hidden": "true" });
