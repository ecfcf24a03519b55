// What the run was asked and what it ran on: enough to repeat it.

import { changed, fill, h } from "../dom.js";
import { integer, moment, seconds } from "../format.js";
import { t } from "../i18n.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { run, result, lang }) {
  element.hidden = !run;
  if (!run || !changed(element, run.params, run.finished, result?.id, result?.partial, lang)) return;
  const list = [...facts(run, result), ...parameters(run)];
  fill(
    element,
    h("h2", {}, t("run_facts")),
    h("dl", { class: "numbers" }, list.map(item)),
  );
}

const item = ([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value));

const fingerprint = (input) => input?.fingerprint && h("code", {}, input.fingerprint.slice(0, 12));

function facts(run, result) {
  const tokens = result?.tokens;
  const documents = tokens && [tokens.fit_documents, tokens.heldout_documents].map(integer);
  const environment = result?.environment ?? {};
  return [
    [t("run_id"), h("code", {}, run.id)],
    [t("finished_at"), run.finished && moment(run.imported?.computed ?? run.finished)],
    [t("took"), run.seconds !== null && seconds(run.seconds)],
    [t("tokens_fit"), tokens && integer(tokens.fit)],
    [t("tokens_heldout"), tokens && integer(tokens.heldout)],
    [t("tokens_context"), tokens?.context > 0 && integer(tokens.context)],
    [t("tokens_passed_over"), tokens?.passed_over > 0 && integer(tokens.passed_over)],
    [t("field_template"), ["chat", "mixed"].includes(tokens?.template) && t(`template_${tokens.template}_used`)],
    [t("excluded_first"), tokens && integer(tokens.excluded_first)],
    [t("excluded_sinks"), tokens && integer(tokens.excluded_sinks)],
    [t("documents"), documents?.join(" + ")],
    [t("device"), environment.device],
    [t("shards"), environment.shards > 1 && t("shards_by", environment)],
    ["torch", environment.torch],
    [t("model_fingerprint"), fingerprint(result?.model)],
    [t("dataset_fingerprint"), fingerprint(result?.dataset)],
  ].filter(([, value]) => value);
}

const parameters = (run) =>
  Object.entries(run.params ?? {}).map(([name, value]) => [h("code", {}, name), shown(value)]);

/** A digest as short as fingerprints are shown. */
const short = (value) => (/^[0-9a-f]{64}$/.test(value) ? value.slice(0, 12) : value);

/** Lists of names with a space after each comma, so that they wrap; objects as they were sent. */
function shown(value) {
  if (Array.isArray(value) && value.every((item) => typeof item !== "object")) return value.map(short).join(", ") || "–";
  if (value !== null && typeof value === "object") return value.length === 0 ? "–" : h("code", {}, JSON.stringify(value));
  return value === "" ? "–" : short(String(value)).replaceAll(",", ",\u200b");
}
