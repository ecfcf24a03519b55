// From the paper's number to ours: what each correction takes away, as medians over the blocks.

import { addresses, isShared } from "../api.js";
import { h } from "../dom.js";
import { median, score } from "../format.js";
import { t } from "../i18n.js";
import { isBySublayers } from "./places.js";
import { isInSample } from "./protocol_field.js";

const STEPS = {
  paper: ({ kept }) => kept?.r2_fit,
  without_sinks: ({ profile }) => profile.r2_fit,
  adjusted: ({ profile }) => profile.r2_adjusted,
  heldout: ({ profile }) => profile.r2_heldout,
  update: ({ profile }) => profile.update_r2_heldout,
};
const IN_SAMPLE = ["paper", "adjusted"];

/**
 * @param {object} result of the kind `linearity`
 * @param {object} [run] whose model and text the other procedure is offered for
 * @returns {HTMLElement|null} nothing while it is preliminary
 */
export function paperSteps(result, run) {
  if (!result?.profile || !result.kept || isBySublayers(result)) return null; // the paper's are of whole blocks
  const inSample = isInSample(result);
  const names = Object.keys(STEPS).filter((name) => !inSample || IN_SAMPLE.includes(name));
  const steps = names.map((name) => [name, score(median(STEPS[name](result)), 4)]);
  const [first, last] = [steps[0][1], (inSample ? steps.at(-1) : steps.at(-2))[1]];
  return h(
    "details",
    { open: inSample },
    h("summary", {}, t(inSample ? "paper_steps_in_sample" : "paper_steps", { first, last })),
    h("ol", { class: "paper-steps" }, steps.map(([name, value]) => step(name, value))),
    run && !isShared && h("p", { class: "quiet" }, other(run, inSample)),
  );
}

const step = (name, value) =>
  h("li", {}, h("strong", {}, value), h("span", {}, t(`paper_step_${name}`)), h("span", { class: "quiet" }, t(`paper_step_${name}_why`)));

/** The way to the same model and text by the other procedure. */
function other({ model, dataset }, inSample) {
  const query = { model: model.id, dataset: dataset.id, ...(!inSample && { protocol: "paper" }) };
  return h("a", { href: addresses.start(query) }, t(inSample ? "measure_heldout" : "measure_as_paper"));
}
