// The body of an `export` run: what the folder is, how it was proven, how to take it away and use it.

import { changed, fill, h } from "../dom.js";
import { bytes, integer, percent, score, significant, tiny } from "../format.js";
import { t } from "../i18n.js";
import * as exportFiles from "./export_files.js";
import * as exportUse from "./export_use.js";
import * as openings from "./openings.js";
import { region } from "./panel.js";
import { plainTable } from "./plain_table.js";
import { notHarmless, planText, protocolLine, qualityNumbers } from "./quality.js";

export const pictures = [];
export const formats = ["csv", "excel", "json"];

/** @returns {string} one sentence for the live region */
export const summary = ({ result }) =>
  result?.proof ? t("export_proven_sentence", { name: result.architecture.name, difference: tiny(result.proof.nll_difference) }) : "";

/** @param {HTMLElement} body @returns {(state: import("../state.js").State) => void} */
export function mount(body) {
  const at = {
    numbers: h("section", { id: "export-numbers", class: "details plan-numbers", tabindex: "-1" }),
    files: region("export-files"),
    use: region("export-use"),
    proof: region("export-proof"),
    blocks: region("export-blocks"),
    splits: region("splits"),
  };
  const pairs = h("div", { class: "export-pair" }, at.proof, at.blocks);
  fill(body, at.numbers, at.files, at.use, pairs, at.splits);
  return (state) => {
    renderNumbers(at.numbers, state);
    exportFiles.render(at.files, state);
    exportUse.render(at.use, state);
    renderProof(at.proof, state);
    renderBlocks(at.blocks, state);
    openings.render(at.splits, state);
  };
}

function renderNumbers(element, { run, result, lang }) {
  if (!run || !changed(element, run.id, run.status, result?.point, lang)) return;
  const { plan, healed } = run.params;
  fill(
    element,
    h(
      "div",
      { class: "details-title" },
      h("h2", {}, t("the_plan")),
      planText(plan),
      healed && h("span", { class: "badge" }, t("healed_badge")),
    ),
    result?.architecture && folderNumbers(result),
    result?.point && h("h3", {}, t("export_quality")),
    result?.point && qualityNumbers(result.point, result.dense),
    protocolLine(result?.protocol),
    result?.point && notHarmless(),
  );
}

/** What the folder is, large: its architecture, its size beside the dense model's, how close it is. */
function folderNumbers({ architecture: folder, proof }) {
  const number = (key, value, beside) =>
    h("div", {}, h("dt", {}, t(`key_${key}`)), h("dd", {}, h("strong", {}, value), beside && h("span", { class: "quiet" }, beside)));
  const of = (part, whole) => t("of_parameters", { share: percent(part / whole) });
  return h(
    "dl",
    { class: "key-numbers" },
    number("exported_as", folder.name, t(folder.is_stock ? "export_stock" : "export_custom")),
    number("parameters", integer(folder.parameters), of(folder.parameters, folder.dense_parameters)),
    number("weights", bytes(folder.weight_bytes), of(folder.weight_bytes, folder.dense_weight_bytes)),
    number("loss_difference", tiny(proof.nll_difference), t("export_at_most", { limit: "0.001" })),
    number("logits_difference", tiny(proof.logits_difference), t("export_of_largest", { size: significant(proof.logits_largest) })),
  );
}

function renderProof(element, { result, lang }) {
  const proof = result?.proof;
  element.hidden = !proof;
  if (!proof || !changed(element, proof, lang)) return;
  const { generated: written } = proof;
  const all = written.prompts * written.tokens;
  const row = (key, value) => [t(`export_proof_${key}`), value];
  const again = proof.saved_again === null ? "export_not_tried" : "export_yes";
  fill(
    element,
    h("h2", {}, t("export_proof")),
    h("p", { class: "quiet prose" }, t("export_proof_note")),
    plainTable({
      heads: [t("export_checked"), t("export_found")],
      rows: [
        row("loss", t("export_loss_of", { folder: score(proof.nll, 6), plan: score(proof.nll_plan, 6), tokens: integer(proof.tokens) })),
        row("likeliest", percent(proof.top1)),
        row("written", t("export_of_tokens", { count: integer(written.same_as_plan), all: integer(all) })),
        row("cache", t("export_of_tokens", { count: integer(written.same_without_cache), all: integer(all) })),
        row("parameters", integer(proof.parameters)),
        row("again", t(again)),
        row("where", [proof.device, ...Object.entries(proof.versions).map(([name, version]) => `${name} ${version}`)].join(" · ")),
      ],
    }),
  );
}

function renderBlocks(element, { result, lang }) {
  const folder = result?.architecture;
  element.hidden = !folder;
  if (!folder || !changed(element, folder, lang)) return;
  const place = ([first, last]) =>
    first === last ? t("block_number", { block: first }) : t("block_span", { from: first, to: last });
  const rows = folder.origins.map((origin, entry) => [
    integer(entry),
    place(origin),
    t(folder.linear_blocks.includes(entry) ? "action_linear" : origin[0] === origin[1] ? "action_keep" : "action_merged"),
  ]);
  fill(
    element,
    h("h2", {}, t("export_blocks")),
    h("p", { class: "quiet prose" }, t("export_blocks_note")),
    folder.uneven.length > 0 && h("p", { class: "quiet prose" }, t("export_uneven", { fields: folder.uneven.join(", ") })),
    h("details", { open: rows.length <= 12 }, h("summary", {}, t("export_blocks_count", { count: integer(rows.length) })),
      plainTable({ heads: ["entry", "origin", "action"].map((key) => t(`column_${key}`)), rows })),
  );
}
