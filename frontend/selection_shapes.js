// How a selection is marked in a figure: shapes that are laid over what Python drew.

/** Mark a selected cell of the heat map: a frame on it, and hair lines to its row and column number. */
export function cellShapes(pair, { layout }) {
  if (!pair) return [];
  const { theme } = layout.meta;
  const { from, to } = pair;
  const frame = { type: "rect", x0: to - 0.5, x1: to + 0.5, y0: from - 0.5, y1: from + 0.5 };
  const line = { type: "line", layer: "above", line: { color: theme.accent, width: 1.5, dash: "dot" } };
  return [
    { ...line, x0: layout.xaxis.range[0], x1: to - 0.5, y0: from, y1: from },
    { ...line, x0: to, x1: to, y0: layout.yaxis.range[0], y1: from + 0.5 },
    { ...frame, line: { color: theme.paper, width: 5 } },
    { ...frame, line: { color: theme.accent, width: 2.5 } },
  ];
}

/** Mark the blocks between two states in a profile. */
export function blockShapes(pair, { layout }) {
  if (!pair) return [];
  const { theme } = layout.meta;
  const span = { x0: pair.from - 0.5, x1: pair.to - 0.5, yref: "paper", y0: 0, y1: 1 };
  const line = { color: theme.accent, width: 1 };
  return [{ type: "rect", layer: "below", ...span, fillcolor: theme.accent, opacity: 0.14, line }];
}

/** The same over a map, whose cells hide what lies below. */
export const blockFrames = (pair, figure) =>
  blockShapes(pair, figure).map(({ fillcolor, opacity, ...frame }) => ({
    ...frame,
    layer: "above",
    line: { ...frame.line, width: 2.5 },
  }));

/** Mark a token of a passage and a block, and the cell where they meet. */
export function passageShapes({ block, token }, { layout }) {
  const { theme } = layout.meta;
  const band = { type: "rect", layer: "above", line: { color: theme.accent, width: 1.5 } };
  const row = { ...band, xref: "paper", x0: 0, x1: 1, y0: block - 0.5, y1: block + 0.5 };
  if (token === null) return [row];
  const column = { ...band, yref: "paper", y0: 0, y1: 1, x0: token - 0.5, x1: token + 0.5 };
  const cell = { ...band, x0: token - 0.5, x1: token + 0.5, y0: block - 0.5, y1: block + 0.5 };
  return [row, column, { ...cell, line: { color: theme.accent, width: 3 } }];
}

const RING = 8;
const BEND = 0.5523 * RING; // of a quarter of a circle as a Bézier curve
// Plotly reads a circle's own pixels as values of a logarithmic axis and flattens it; not those of a path.
const CIRCLE =
  `M${RING},0C${RING},${BEND} ${BEND},${RING} 0,${RING}C${-BEND},${RING} ${-RING},${BEND} ${-RING},0` +
  `C${-RING},${-BEND} ${-BEND},${-RING} 0,${-RING}C${BEND},${-RING} ${RING},${-BEND} ${RING},0Z`;

/** Mark a point of a line: a ring around it, and a hair line through its place on the axis. */
export function pointShapes(point, { layout }) {
  if (!point) return [];
  const { theme } = layout.meta;
  const ring = { type: "path", path: CIRCLE, xsizemode: "pixel", ysizemode: "pixel", xanchor: point.x, yanchor: point.y };
  const hair = { type: "line", x0: point.x, x1: point.x, yref: "paper", y0: 0, y1: 1, layer: "below" };
  return [
    { ...hair, line: { color: theme.accent, width: 1.5, dash: "dot" } },
    { ...ring, line: { color: theme.accent, width: 2.5 } },
  ];
}

/** Mark the blocks that a plan changes. */
export function blocksShapes(blocks, { layout }) {
  const { theme } = layout.meta;
  const band = { type: "rect", layer: "below", yref: "paper", y0: 0, y1: 1, line: { width: 0 } };
  return blocks.map((block) => ({
    ...band,
    x0: block - 0.5,
    x1: block + 0.5,
    fillcolor: theme.accent,
    opacity: 0.14,
  }));
}
