// The words and numbers of a healing: what it brought, how it was trained, where its weights are.

import { addresses } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { bytes, integer, score, significant } from "../format.js";
import { t } from "../i18n.js";
import { healedSteps } from "./next_steps.js";
import { openingsText } from "./openings.js";
import { plainTable } from "./plain_table.js";
import { damage, notHarmless, perplexity, planText, protocolLine, range, share } from "./quality.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function renderNumbers(element, { run, result, lang }) {
  if (!changed(element, run?.id, run?.status, result?.healing, run?.report_openings, lang)) return;
  const { plan, split, objective } = run?.params ?? {};
  fill(
    element,
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, t("healed_plan")),
      plan && planText(plan),
      h("span", { class: `badge badge-${split}` }, t(`split_${split}_named`)),
      objective === "text" && h("span", { class: "badge" }, t("objective_text")),
    ),
    result?.healing && keyNumbers(result),
    result?.healing && beforeAfter(result),
    result?.tuned && tuned(result.tuned),
    protocolLine(result?.protocol),
    result?.healing && notHarmless(),
    split === "report" && h("p", { class: "quiet small-print" }, `${t("report_means")} ${openingsText(run)}`),
  );
}

function keyNumbers({ before, after, healing, recovered, dense }) {
  const number = (key, value, beside) =>
    h("div", {}, h("dt", {}, t(key)), h("dd", {}, h("strong", {}, value), beside && h("span", { class: "quiet" }, beside)));
  const perplexities = [before, after].map(({ ppl }) => perplexity(ppl)).join(" → ");
  return h(
    "dl",
    { class: "key-numbers" },
    number("key_healing", damage(healing.nll_diff), t("interval_of", { range: range(healing.ci95, 4) })),
    number("key_perplexity", perplexities, t("dense_perplexity", { ppl: perplexity(dense.ppl) })),
    number("key_recovered", share(recovered), t("of_the_damage")),
    number("key_left", damage(after.nll_diff), t("interval_of", { range: range(after.ci95, 4) })),
  );
}

const QUALITY = [
  ["key_damage", ({ nll_diff }) => damage(nll_diff)],
  ["column_interval", ({ ci95 }) => range(ci95, 4)],
  ["key_perplexity", ({ ppl }) => perplexity(ppl)],
  ["key_kl", ({ kl }) => score(kl, 4)],
  ["key_top1", ({ top1 }) => share(top1)],
  ["key_top5", ({ top5 }) => share(top5)],
];

const beforeAfter = ({ before, after }) =>
  plainTable({
    heads: ["", t("before_healing"), t("after_healing")],
    rows: QUALITY.map(([key, read]) => [t(key), read(before), read(after)]),
  });

const tuned = (found) =>
  plainTable({
    caption: t("tuned_caption"),
    heads: ["", t("key_difference"), t("column_interval")],
    rows: ["dense", "changed", "gap_before", "gap_after"].map((name) => [
      t(`tuned_${name}`),
      damage(found[name].nll_diff),
      range(found[name].ci95, 4),
    ]),
  });

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function renderTraining(element, { run, result, lang }) {
  const trainings = result?.training?.filter(({ steps }) => steps) ?? [];
  element.hidden = !trainings.length;
  if (element.hidden || !changed(element, trainings, lang)) return;
  const { learning_rate: rate, batch, alpha, rank, train, objective, seed } = run.params;
  const rows = [
    ["train", () => t(`train_${train}`)],
    ["trained_numbers", ({ parameters }) => integer(parameters)],
    ["steps_done", ({ steps }) => integer(steps)],
    ["tokens_seen", ({ tokens }) => integer(tokens)],
    ["epochs", ({ epochs }) => significant(epochs)],
    ["best_step", ({ best_step: best }) => integer(best)],
    ["learning_rate", () => significant(rate)],
    ["batch", () => integer(batch)],
    objective === "distil" && ["alpha", () => significant(alpha)],
    rank > 0 && ["rank", () => integer(rank)],
    ["seed", () => integer(seed)],
  ].filter(Boolean);
  fill(
    element,
    h("h2", {}, t("training_title")),
    h("p", { class: "quiet prose" }, t("training_note")),
    plainTable({
      heads: ["", ...trainings.map(({ model }) => t(`trained_${model}`))],
      rows: rows.map(([key, read]) => [t(`training_${key}`), ...trainings.map(read)]),
    }),
  );
}

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function renderWeights(element, { run, result, lang }) {
  const weights = result?.weights;
  element.hidden = !weights || Boolean(run.imported); // a bundle has no weights
  if (element.hidden || !changed(element, weights, lang)) return;
  fill(
    element,
    h("h2", {}, t("healed_weights")),
    h("p", { class: "prose" }, t("healed_weights_note", { size: bytes(weights.bytes) })),
    h("p", {}, h("code", { class: "plan-text" }, `healed=${run.id}`)),
    h("p", { class: "quiet small-print" }, `sha256 ${weights.sha256}`),
    h("p", {}, h("a", { href: addresses.start({ kind: "heal", model: run.model.id, dataset: run.dataset.id, plan: run.params.plan }) }, t("heal_again"))),
    healedSteps(run),
  );
}
