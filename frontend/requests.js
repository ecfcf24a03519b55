// What is asked next about a run: another run on the same model, text and sampling, so that numbers agree.

const SAMPLING = [
  "fit_tokens", "select_tokens", "report_tokens", "context", "seed", "ridge", "dtype", "attention",
  "template", "score",
];

/** The parameters that say which tokens are used; a linearity run knows some of them. */
export const samplingOf = ({ params = {} }) =>
  // The paper's procedure draws other windows and fits without a ridge: nothing that a plan can take over.
  params.protocol === "paper" ? {} : Object.fromEntries(SAMPLING.filter((name) => name in params).map((name) => [name, params[name]]));

/** @param {object} run @param {"plan"|"answers"|"speed"|"export"} kind @param {object} params beyond the sampling */
export const followUp = (run, kind, params) => ({
  kind,
  model: run.model.id,
  dataset: run.dataset.id,
  params: { ...params, ...readAs(kind, samplingOf(run)) },
});

const FITTED_BY = [
  "tokens", "context", "heldout", "seed", "ridge", "exclude", "dtype", "attention", "template", "score",
];

/** What maps are fitted by; those of the paper's procedure judge no other text. */
const fittedBy = (params) =>
  Object.fromEntries(FITTED_BY.filter((name) => name in params && params.protocol !== "paper").map((name) => [name, params[name]]));

/** @param {object} run of linearity, or of another passage: its maps judge the text */
export const passageOf = ({ model, dataset, params }, text) => ({
  kind: "passage",
  model: model.id,
  dataset: dataset.id,
  params: { text, ...fittedBy(params) },
});

/** Only answers can be asked for with a chat template around plain text. */
const readAs = (kind, sampling) =>
  kind !== "answers" && sampling.template === "chat" ? { ...sampling, template: "auto" } : sampling;

/** A plan in which something is fitted. */
export const fits = (plan) => /:\s*(linear|merged)/.test(plan);
