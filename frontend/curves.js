// Which curve and which point a view shows. Mirrors backend/figures/curve_points.py.

const RANDOM = "random";

/** @returns {string} the name of a curve in the address */
export const curveKey = ({ strategy, action, fitting }) => [strategy, action, fitting].filter(Boolean).join(".");

/** The curves of the named strategies that have a point, as far as an action and fitting are asked for. */
export const namedCurves = ({ result, action = "all", fitting = "all" }) =>
  (result?.curves ?? []).filter(
    (curve) =>
      curve.strategy !== RANDOM &&
      curve.points?.length &&
      ["all", curve.action].includes(action) &&
      (!curve.fitting || ["all", curve.fitting].includes(fitting)),
  );

/** The selected curve, or the first of the shown ones. */
export function shownCurve(state) {
  const shown = namedCurves(state);
  return shown.find((curve) => curveKey(curve) === state.curve) ?? shown[0] ?? null;
}

/** The selected point of a curve, if it is there already. */
export function shownPoint(state) {
  if (!state.n) return null;
  return shownCurve(state)?.points.find(({ changed }) => changed === state.n) ?? null;
}

/** The interval of the damage as one of the perplexity. */
export function perplexityInterval({ ci95 }, dense) {
  return ci95 && dense?.ppl ? ci95.map((end) => dense.ppl * Math.exp(end)) : null;
}

/** The blocks that a plan names: "12:drop,13-15:linear" are 12, 13, 14 and 15. */
export function blocksOfPlan(text) {
  return [...text.matchAll(/(\d+)(?:-(\d+))?:/g)].flatMap(([, first, last = first]) =>
    Array.from({ length: last - first + 1 }, (_, index) => Number(first) + index),
  );
}

/** Where the selected point lies in the picture; nowhere when its value has no place on the axis. */
export function markOf(state, { data }) {
  const [curve, point] = [shownCurve(state), shownPoint(state)];
  if (!point) return null;
  const line = data.find(
    ({ meta, mode }) =>
      mode === "lines+markers" &&
      ["strategy", "action", "fitting"].every((key) => meta?.[key] === curve[key]),
  );
  const y = line?.y[line.x.indexOf(point.changed)];
  return y === undefined || y === null ? null : { x: point.changed, y };
}
