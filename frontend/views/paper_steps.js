// From the paper's number to ours: what each correction takes away, as medians over the blocks.

import { h } from "../dom.js";
import { median, score } from "../format.js";
import { t } from "../i18n.js";

const STEPS = {
  paper: ({ kept }) => kept?.r2_fit,
  without_sinks: ({ profile }) => profile.r2_fit,
  adjusted: ({ profile }) => profile.r2_adjusted,
  heldout: ({ profile }) => profile.r2_heldout,
  update: ({ profile }) => profile.update_r2_heldout,
};

/** @param {object} result of the kind `linearity` @returns {HTMLElement|null} nothing while it is preliminary */
export function paperSteps(result) {
  if (!result?.profile || !result.kept) return null;
  const steps = Object.entries(STEPS).map(([name, of]) => [name, score(median(of(result)), 4)]);
  const [first, last] = [steps[0][1], steps.at(-2)[1]];
  return h(
    "details",
    {},
    h("summary", {}, t("paper_steps", { first, last })),
    h("ol", { class: "paper-steps" }, steps.map(([name, value]) => step(name, value))),
  );
}

const step = (name, value) =>
  h("li", {}, h("strong", {}, value), h("span", {}, t(`paper_step_${name}`)), h("span", { class: "quiet" }, t(`paper_step_${name}_why`)));
