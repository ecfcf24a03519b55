// Fetches the three figures when what they show changes, and redraws them when the selection does.

import { getFigure } from "../api.js";
import { blockShapes, cellShapes, draw, erase } from "../charts.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { inRange, shownView } from "../scores.js";
import { getState, pairText, update } from "../state.js";
import { problemText } from "./problem.js";

const NAMES = ["heatmap", "profile", "norms"];

/** The figures on the page, by name, as Python made them. */
export const figures = {};
const drawn = {};

/** @param {Record<string, HTMLElement>} places @param {import("../state.js").State} state */
export async function render(places, state) {
  if (!state.result) {
    for (const name of NAMES) waiting(name, places[name], state);
    return;
  }
  await Promise.all(NAMES.map((name) => renderOne(name, places[name], state)));
}

async function renderOne(name, place, state) {
  const query = queryOf(name, state);
  const key = JSON.stringify([query, state.result.partial]);
  const selection = pairText(state.sel);
  const last = drawn[name];
  if (last?.key === key && last.selection === selection) return;
  const fresh = last?.key !== key;
  drawn[name] = { key, selection };
  try {
    if (fresh) figures[name] = await getFigure(state.run.id, name, query);
    if (drawn[name]?.key !== key || !figures[name]) return; // a newer view was asked for meanwhile
    if (!place.dataset.drawn) fill(place);
    await draw(place, figures[name], optionsOf(name, getState()));
  } catch (error) {
    drawn[name] = null;
    delete place.dataset.drawn;
    const code = error.code ?? (error.message === "chart_library" ? error.message : "figure");
    fill(place, problemText({ code, message: error.message, nextStep: error.nextStep }));
  }
}

function queryOf(name, state) {
  const query = { lang: state.lang, theme: state.theme };
  if (name === "heatmap") Object.assign(query, shownView(state));
  if (state.result.partial) query.partial = "1";
  return query;
}

function optionsOf(name, { sel, result, lang }) {
  const pair = inRange(sel, result) ? sel : null;
  const heat = name === "heatmap";
  return {
    lang,
    shapes: heat ? cellShapes(pair, figures[name]) : blockShapes(pair, figures[name]),
    choose: ({ x, y }) => choose(heat ? { from: y, to: x } : { from: x, to: x + 1 }),
  };
}

function choose(pair) {
  const { result } = getState();
  if (Number.isInteger(pair.from) && pair.from < pair.to && inRange(pair, result)) update({ sel: pair });
}

function waiting(name, place, { run, problem }) {
  if (place.dataset.drawn) erase(place);
  drawn[name] = null;
  const words = problem || !run ? "" : { running: "picture_soon", queued: "picture_queued" }[run.status];
  fill(place, words ? h("p", { class: "placeholder" }, t(words)) : null);
}
