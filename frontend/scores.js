// Which number of a result a view shows. Mirrors backend/figures/points.py.

const PAIR_FIELDS = {
  stream: { heldout: "r2_heldout", adjusted: "r2_adjusted", fit: "r2_fit" },
  update: { heldout: "update_r2_heldout" },
  angular: { heldout: "angular" },
  cosine: { heldout: "cosine" },
  cka: { heldout: "cka" },
};

export const SCORES = Object.keys(PAIR_FIELDS);

export const SPLITS_OF = Object.fromEntries(
  Object.entries(PAIR_FIELDS).map(([score, fields]) => [score, Object.keys(fields)]),
);

/** @returns {{score: string, split: string, scale: string}} the nearest view that has numbers */
export function shownView({ score, split, scale, result }) {
  const shown = result && !hasScore(result, score) && hasScore(result, "angular") ? "angular" : score;
  return {
    score: shown,
    split: SPLITS_OF[shown].includes(split) ? split : "heldout",
    scale: shown === "angular" ? "linear" : scale,
  };
}

/** Whether there is a picture of this score yet; neighbours alone make one where no pairs were asked. */
export function hasScore(result, score) {
  const field = PAIR_FIELDS[score].heldout;
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
