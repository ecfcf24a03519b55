// By which procedure a linearity run is measured: what the paper's fixes cannot be asked for beside it.

const FIXED = ["tokens", "context", "heldout", "repeats", "ridge", "exclude", "granularity", "template", "score"];

/** Switch off the fields that `protocol=paper` decides; a field that is off is not sent. */
export function showProtocol(form) {
  const fixed = form.elements.protocol?.value === "paper";
  for (const name of FIXED) {
    const control = form.elements[name];
    // Those of answers are switched off and on by the dataset already.
    if (control && (fixed || !control.closest("[data-asks]"))) control.disabled = fixed;
  }
}

/** Whether a run, or its result, was fitted and scored on the same tokens. */
export const isInSample = (asked) => asked?.params?.protocol === "paper";
