// What a view shows of a passage: which block, which token, how far each error is from the usual.

const OUTSIDE = ["first", "sink"];
const TENFOLD = 1; // a decade to either side of the usual error fills the scale of shades

/** Tokens that stay out of the scores: their errors may be a thousand times larger. */
export const isOutside = ({ token_class: kind }) => OUTSIDE.includes(kind);

/** The selected block, or the one whose mean error over the passage is largest. */
export function shownBlock({ sel, result }) {
  const blocks = result.states.length - 1;
  if (sel && sel.to === sel.from + 1 && sel.to <= blocks) return sel.from;
  const means = [...Array(blocks).keys()].map((block) => meanError(result, block));
  return means.indexOf(Math.max(...means));
}

export function meanError({ passage, error }, block) {
  const scored = error.filter((_, index) => !isOutside(passage[index]));
  return scored.reduce((sum, errors) => sum + errors[block], 0) / Math.max(scored.length, 1);
}

/** The selected token, from 0; null where none is. */
export const shownToken = ({ n, result }) => (n && n <= (result?.passage?.length ?? 0) ? n - 1 : null);

/** How hard a token is at a block beside held-out text: 0 below its median, to 3 beyond 99 % of it. */
export function levelOf({ error, reference }, index, block) {
  const value = error[index][block];
  return ["p50", "p95", "p99"].filter((name) => value > reference[name][block]).length;
}

/** Between 0, a tenth of the usual error or less, and 1, tenfold or more. */
export function shadeOf({ error, reference }, index, block) {
  const decades = Math.log10(Math.max(error[index][block], 1e-12) / Math.max(reference.mean[block], 1e-12));
  return Math.min(1, Math.max(0, (decades + TENFOLD) / (2 * TENFOLD)));
}
