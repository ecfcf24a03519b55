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
    h("dl", { class: "numbers" }, list.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
  );
}

function facts(run, result) {
  const tokens = result?.tokens;
  const environment = result?.environment ?? {};
  return [
    [t("run_id"), h("code", {}, run.id)],
    [t("finished_at"), run.finished && moment(run.finished)],
    [t("took"), run.seconds !== null && seconds(run.seconds)],
    [t("tokens_fit"), tokens && integer(tokens.fit)],
    [t("tokens_heldout"), tokens && integer(tokens.heldout)],
    [t("excluded_first"), tokens && integer(tokens.excluded_first)],
    [t("excluded_sinks"), tokens && integer(tokens.excluded_sinks)],
    [t("documents"), tokens && `${integer(tokens.fit_documents)} + ${integer(tokens.heldout_documents)}`],
    [t("device"), environment.device],
    ["torch", environment.torch],
    [t("model_fingerprint"), result?.model?.fingerprint && h("code", {}, result.model.fingerprint.slice(0, 12))],
    [t("dataset_fingerprint"), result?.dataset?.fingerprint && h("code", {}, result.dataset.fingerprint.slice(0, 12))],
  ].filter(([, value]) => value);
}

const parameters = (run) =>
  Object.entries(run.params ?? {}).map(([name, value]) => [h("code", {}, name), String(value)]);
