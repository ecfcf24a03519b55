// Title of a run: which model, how large, on which text, how many tokens.

import { addresses, isShared } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { integer, percent } from "../format.js";
import { t } from "../i18n.js";
import { seenTokens } from "../scores.js";
import { importedNote } from "./imported.js";
import { planText } from "./quality.js";
import { openShareDialog } from "./share_dialog.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  const seen = result?.tokens && !result.partial ? seenTokens(result) : null;
  if (!run || !changed(element, run.id, run.model, run.dataset, run.params, run.imported, seen, lang)) return;
  const { model, dataset, params } = run;
  const facts = [
    model.blocks && t("blocks_by_width", { blocks: model.blocks, width: model.width }),
    t("on_dataset", { dataset: dataset.name }),
    ...(OWN[run.kind]?.(params, seen) ?? []),
  ];
  const kind = t(`kind_${run.kind}`);
  document.title = `${kind} · ${model.name} · ${dataset.name} · LinearScope`;
  fill(
    element,
    h("h1", {}, h("span", { class: "kind-name" }, kind), " ", model.name),
    h("ul", { class: "facts" }, facts.filter(Boolean).map((fact) => h("li", {}, fact))),
    importedNote(run),
    !isShared && actions(),
  );
}

const actions = () =>
  h(
    "div",
    { class: "run-actions" },
    h("button", { type: "button", class: "small", id: "share", "data-needs": "analyst", on: { click: openShareDialog } }, t("share")),
    h("a", { class: "quiet-link", href: addresses.start() }, t("new_measurement")),
  );

/** What a kind was asked, beside its model and text. */
const OWN = {
  linearity: ({ tokens, heldout, exclude, protocol, granularity }, seen) => [
    protocol && t("protocol_paper"),
    granularity === "sublayer" && t("granularity_sublayer"),
    tokensFact(seen, tokens),
    heldout && t("heldout_share", { share: percent(heldout) }),
    exclude && t(`exclude_${exclude}`),
  ],
  ablation: ({ changed: most, strategies = [], actions = [] }) => [
    t("up_to_blocks", { count: most }),
    t("strategies_count", { count: strategies.length }),
    actions.map((action) => t(`action_${action}`)).join(", "),
  ],
  plan: ({ plan, split }) => [planText(plan), t(`split_${split}_named`)],
  heal: ({ plan, train, steps, split }) => [
    planText(plan),
    t(`train_${train}`),
    t("training_steps", { steps: integer(steps) }),
    t(`split_${split}_named`),
  ],
  export: ({ plan }) => [planText(plan)],
  speed: ({ plan, batches = [] }) => [
    plan && planText(plan),
    batches.length > 0 && t("speed_loads", { loads: batches.map(integer).join(", ") }),
  ],
  passage: ({ text, tokens }) => [
    text && t("passage_length", { count: integer([...text].length) }),
    tokens && t("passage_maps", { tokens: integer(tokens) }),
  ],
  benchmark: ({ plan, tasks = [], questions }) => [
    planText(plan),
    [questions && t("own_questions"), ...tasks].filter(Boolean).join(", "),
  ],
  answers: ({ plan, prompts, healed }) => [planText(plan), healed && t("with_healed_weights", { sha256: healed.slice(0, 12) }), t("up_to_prompts", { count: integer(prompts) })],
};

/** Before the end only what was asked for is known. */
function tokensFact(seen, asked) {
  if (seen !== null) return t("tokens", { tokens: integer(seen) });
  return asked && t("tokens_asked", { tokens: integer(asked) });
}
