// The reader of a saved page: draws its pictures, marks the selection, saves the numbers. The server
// puts it into the file behind the modules it names (backend/snapshot.py), so it must not fetch.

import { CONFIG } from "./chart_config.js";
import { blocksOfPlan, markOf, shownPoint } from "./curves.js";
import { JAPANESE } from "./plotly_japanese.js";
import { shownBlock, shownToken } from "./passages.js";
import { inRange } from "./scores.js";
import { blockFrames, blockShapes, blocksShapes, cellShapes, passageShapes, pointShapes } from "./selection_shapes.js";

const NARROW = matchMedia("(max-width: 640px)");

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const { lang, view, figures } = read("drawn");
const result = read("result");
const [from, to] = (view.sel ?? "").split("-").map(Number);
const pair = inRange({ from, to }, result.states && result) && from < to ? { from, to } : null;
const state = { ...view, n: Number(view.n) || null, sel: pair, result };

const marks = {
  heatmap: (figure) => cellShapes(pair, figure),
  profile: (figure) => blockShapes(pair, figure),
  norms: (figure) => blockShapes(pair, figure),
  token_classes: (figure) => blockFrames(pair, figure),
  token_errors: (figure) => blockFrames(pair, figure),
  passage: (figure) => passageShapes({ block: shownBlock(state), token: shownToken(state) }, figure),
  curve: (figure) => pointShapes(markOf(state, figure), figure),
  damage: (figure) => blocksShapes(blocksOfPlan(shownPoint(state)?.plan ?? ""), figure),
  scores: (figure) => blocksShapes(blocksOfPlan(shownPoint(state)?.plan ?? ""), figure),
};

function drawAll() {
  for (const place of document.querySelectorAll("[data-figure]")) {
    const figure = figures[place.dataset.figure];
    const shapes = marks[place.dataset.figure]?.(figure) ?? figure.layout.shapes ?? [];
    const layout = { ...figure.layout, ...(NARROW.matches ? figure.layout.meta.narrow : {}), shapes };
    window.Plotly.react(place, figure.data, layout, { ...CONFIG, locale: lang }).then(() => {
      place.dataset.drawn = "true";
    });
  }
}

function saveNumbers() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([document.getElementById("result").textContent], { type: "application/json" }));
  link.download = `${result.kind}-${result.id}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

window.Plotly.register(JAPANESE);
drawAll();
NARROW.addEventListener("change", drawAll);
document.getElementById("save-json").addEventListener("click", saveNumbers);
