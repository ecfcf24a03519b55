// Which number of a result a view shows. Mirrors backend/figures/points.py.

const PAIR_FIELDS = {
  stream: { heldout: "r2_heldout", adjusted: "r2_adjusted", fit: "r2_fit" },
  update: { heldout: "update_r2_heldout", adjusted: "update_r2_adjusted", fit: "update_r2_fit" },
  angular: { heldout: "angular" },
  cosine: { heldout: "cosine" },
  cka: { heldout: "cka" },
};

export const SCORES = Object.keys(PAIR_FIELDS);

/** @returns {string[]} the splits of a score; of a result, those that have numbers there */
export const splitsOf = (score, result) =>
  Object.entries(PAIR_FIELDS[score])
    .filter(([, field]) => !result || isPictured(result, field))
    .map(([split]) => split);

/** @returns {{score: string, split: string, scale: string}} the nearest view that has numbers */
export function shownView({ score, split, scale, result }) {
  const shown = result && !hasScore(result, score) && hasScore(result, "angular") ? "angular" : score;
  const there = splitsOf(shown, result);
  const splits = there.length ? there : splitsOf(shown);
  return {
    score: shown,
    split: splits.includes(split) ? split : splits.at(-1),
    scale: shown === "angular" ? "linear" : scale,
  };
}

/** Whether there is a picture of this score yet; neighbours alone make one where no pairs were asked. */
export const hasScore = (result, score) => splitsOf(score, result).length > 0;

function isPictured(result, field) {
  if (result.pairs) return Boolean(result.pairs[field]?.some((row) => row.some(isThere)));
  return Boolean(result.profile?.[field]?.some(isThere));
}

const isThere = (value) => value !== null;

/** @returns {number|null} the score of one pair of states */
export function pairScore(result, { score, split }, from, to) {
  const field = PAIR_FIELDS[score][split];
  if (!field) return null;
  const found = result.pairs?.[field]?.[from]?.[to];
  if (found !== null && found !== undefined) return found;
  return to === from + 1 ? (result.profile?.[field]?.[from] ?? null) : null;
}

const SEEN = ["fit", "heldout", "excluded_first", "excluded_sinks", "context"];

/** How many tokens the model read: with few texts, fewer than were asked for. */
export const seenTokens = ({ tokens }) => SEEN.reduce((sum, name) => sum + (tokens[name] ?? 0), 0);

export const blocksOf = (result) => result.states.length - 1;

export const inRange = (pair, result) => Boolean(pair && result && pair.to <= blocksOf(result));
