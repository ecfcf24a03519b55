// The pictures of a log: the server draws them from its totals, whatever the number of requests.

import { readLog } from "../api.js";
import { draw } from "../charts.js";
import { fill, h } from "../dom.js";
import { panel, plot } from "./panel.js";
import { problemText } from "./problem.js";

const NAMES = ["pareto", "hours", "lengths"];

/** @param {string} id of the log */
export function logFigures(id) {
  const plots = Object.fromEntries(NAMES.map((name) => [name, plot(name)]));
  const panels = NAMES.map((name) => panel(name, plots[name]));
  for (const { speak } of panels) speak();
  let shown = "";
  const render = (measure, { lang, theme }) => {
    const query = { measure, lang, theme };
    const key = JSON.stringify(query);
    if (key === shown) return;
    shown = key;
    const isCurrent = () => key === shown;
    for (const name of NAMES) drawOne(id, name, { place: plots[name], query, isCurrent });
  };
  return { element: h("div", { class: "log-figures" }, panels.map(({ element }) => element)), render };
}

async function drawOne(id, name, { place, query, isCurrent }) {
  try {
    const figure = await readLog(id, `figures/${name}`, query);
    if (!isCurrent()) return;
    const empty = figure.data[0].x.length === 0;
    place.closest("figure").hidden = empty;
    if (empty) return;
    await draw(place, figure, { lang: query.lang });
    place.dataset.measure = query.measure;
  } catch (error) {
    const code = error.message === "chart_library" ? error.message : error.code;
    fill(place, problemText({ code, message: error.message, nextStep: error.nextStep }));
  }
}
