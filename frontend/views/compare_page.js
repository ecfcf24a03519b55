// Two runs of one model side by side: where they differ, in a sentence, a picture and a table.

import { addresses, compareRuns, getComparisonFigure } from "../api.js";
import { draw, onNarrow, preload } from "../charts.js";
import { changed, fill, h, switches } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";
import { getState, subscribe, update } from "../state.js";
import { comparePicker } from "./compare_picker.js";
import { compareTable } from "./compare_table.js";
import { panel, plot, region } from "./panel.js";
import { problemText } from "./problem.js";

/** @param {HTMLElement} main */
export async function show(main) {
  const ids = (new URLSearchParams(location.search).get("runs") ?? "").split(",").filter(Boolean);
  const place = places(main);
  let comparison = null;
  const render = (state) => renderAll(place, ids, comparison, state);
  subscribe(render);
  onNarrow(() => redraw(place, ids, comparison, getState()));
  render(getState());
  if (ids.length === 0) return;
  preload();
  try {
    comparison = await compareRuns(ids);
    render(getState());
  } catch (error) {
    fill(place.problem, problemText(error));
  }
}

function places(main) {
  const picture = plot("compare");
  const place = {
    head: region("compare-head", "div"),
    problem: h("div", { "aria-live": "polite" }),
    finding: region("finding"),
    controls: h("div", { class: "controls compare-controls" }),
    picture,
    panel: panel("compare", picture),
    table: region("compare-numbers"),
  };
  place.panel.element.hidden = true;
  fill(main, place.head, place.problem, place.finding, place.controls, place.panel.element, place.table);
  return place;
}

function renderAll(place, ids, comparison, state) {
  const score = shownScore(state);
  if (!changed(place.head, state.lang, state.theme, score, Boolean(comparison))) return;
  place.panel.speak();
  document.title = `${t("compare_title")} · LinearScope`;
  fill(place.head, h("h1", {}, t("compare_title")), comparison ? sides(comparison) : h("p", { class: "quiet" }, t("compare_intro")), comparePicker(ids));
  if (!comparison) return;
  place.panel.element.hidden = false;
  fill(
    place.finding,
    h("h2", { class: "visually-hidden" }, t("finding")),
    h("p", { class: "finding" }, comparison.finding[score][state.lang]),
    h("p", { class: "quiet" }, rule(comparison)),
    limits(comparison),
  );
  fill(place.controls, scoreSwitch(score));
  fill(place.table, h("h2", {}, t("table")), compareTable(comparison, score), files(ids, state.lang));
  redraw(place, ids, comparison, state);
}

async function redraw(place, ids, comparison, state) {
  if (!comparison) return;
  const { lang, theme } = state;
  try {
    const figure = await getComparisonFigure(ids, { lang, theme, score: shownScore(state) });
    await draw(place.picture, figure, { lang });
  } catch (error) {
    delete place.picture.dataset.drawn;
    fill(place.picture, problemText({ code: error.code ?? "figure", message: error.message }));
  }
}

const files = (ids, lang) =>
  h(
    "p",
    { class: "compare-files" },
    h("a", { href: addresses.comparison(ids, { format: "csv" }), download: "" }, "CSV"),
    h("a", { href: addresses.comparison(ids, { format: "csv", for: "excel", lang }), download: "" }, t("csv_excel")),
  );

/** A comparison has intervals for these two only. */
const shownScore = ({ score }) => (score === "update" ? "update" : "stream");

const scoreSwitch = (current) =>
  switches({
    label: t("score"),
    current,
    choose: (score) => update({ score }),
    options: ["stream", "update"].map((value) => ({ value, text: t(`score_${value}`), why: t(`score_${value}_why`) })),
  });

function sides({ model, runs }) {
  const side = ({ run, dataset, heldout_documents: documents, heldout_tokens: tokens }) =>
    h(
      "li",
      {},
      h("a", { href: addresses.run(run) }, dataset.name),
      ` (${t("compare_heldout", { documents: integer(documents), tokens: integer(tokens) })})`,
    );
  return h("ul", { class: "facts" }, h("li", {}, model.name), runs.map(side));
}

function rule({ scores, expected_by_chance: expected }) {
  return t("compare_rule", { blocks: integer(scores.stream.length), expected: expected.toFixed(1) });
}

function limits({ parameters, shares_text: shares }) {
  const names = Object.entries(parameters).map(([name, [one, other]]) => `${name} (${one} / ${other})`);
  return [
    names.length > 0 && h("p", { class: "warning-line" }, t("compare_parameters", { names: names.join(", ") })),
    shares && h("p", { class: "warning-line" }, t("compare_same_text")),
  ];
}
