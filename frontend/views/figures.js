// Fetches figures when what they show changes, and redraws them when the selection does.

import { getFigure } from "../api.js";
import { draw, erase, isNarrow, onNarrow } from "../charts.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, update } from "../state.js";
import { problemText } from "./problem.js";

/** The figures on the page, by name, as Python made them. */
export const figures = {};
const drawn = {};

onNarrow(() => update({}));

/**
 * @typedef {object} Drawing how one figure of a view is asked for and marked
 * @property {(state: object) => object} [query] options beyond language and theme
 * @property {(state: object) => boolean} [there] whether the result has this figure at all
 * @property {(state: object) => string} selection what of the state changes the marks
 * @property {(state: object, figure: object) => object[]} shapes the marks
 * @property {(point: import("../charts.js").Point, state: object) => void} choose what a click means
 *
 * @param {Record<string, HTMLElement>} places by name of the figure
 * @param {Record<string, Drawing>} drawings the same names
 * @param {import("../state.js").State} state
 */
export async function render(places, drawings, state) {
  const names = Object.keys(drawings);
  if (!state.result) {
    for (const name of names) waiting(name, places[name], state);
    return;
  }
  await Promise.all(names.map((name) => renderOne(name, places[name], drawings[name], state)));
}

async function renderOne(name, place, drawing, state) {
  if (drawing.there && !drawing.there(state)) return empty(name, place);
  const query = queryOf(drawing, state);
  const key = JSON.stringify([query, state.result.partial]);
  const selection = `${drawing.selection(state)} ${isNarrow()}`;
  const last = drawn[name];
  if (last?.key === key && last.selection === selection) return undefined;
  const fresh = last?.key !== key;
  drawn[name] = { key, selection };
  try {
    if (fresh) figures[name] = await getFigure(state.run.id, name, query);
    if (drawn[name]?.key !== key || !figures[name]) return undefined; // a newer view was asked for meanwhile
    if (!place.dataset.drawn) fill(place);
    const now = getState();
    await draw(place, figures[name], {
      lang: now.lang,
      shapes: drawing.shapes(now, figures[name]),
      choose: (point) => drawing.choose(point, getState()),
    });
  } catch (error) {
    drawn[name] = null;
    delete place.dataset.drawn;
    const code = error.code ?? (error.message === "chart_library" ? error.message : "figure");
    fill(place, problemText({ code, message: error.message, nextStep: error.nextStep }));
  }
  return undefined;
}

function queryOf(drawing, state) {
  const query = { lang: state.lang, theme: state.theme, ...drawing.query?.(state) };
  if (state.result.partial) query.partial = "1";
  return query;
}

function waiting(name, place, { run, problem }) {
  empty(name, place);
  const soon = run?.kind === "linearity" ? "picture_soon" : "picture_soon_measured";
  const words = problem || !run ? "" : { running: soon, queued: "picture_queued" }[run.status];
  if (words) fill(place, h("p", { class: "placeholder" }, t(words)));
}

function empty(name, place) {
  if (place.dataset.drawn) erase(place);
  drawn[name] = null;
  fill(place);
}
