// Which two runs to compare: finished ones of the kind linearity, the second of the first's model.

import { addresses, isShared, listRuns } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";
import { isBySublayers } from "./places.js";
import { problemText } from "./problem.js";
import { isInSample } from "./protocol_field.js";

const LATEST = 200;

const finished = (query = {}) => listRuns({ kind: "linearity", status: "finished", limit: LATEST, ...query });

/** @param {string[]} ids what is compared now @returns {HTMLElement} */
export function comparePicker(ids) {
  const element = h("div", { class: "compare-picker" });
  finished()
    .then(({ items }) => fill(element, ...selects(items.filter(isComparable), ids)))
    .catch((error) => fill(element, problemText(error)));
  return element;
}

function selects(runs, [first, second]) {
  if (runs.length < 2) return [h("p", { class: "quiet" }, t("compare_too_few"))];
  const chosen = runs.find(({ id }) => id === first);
  const others = chosen ? othersOf(runs, chosen) : [];
  const go = (ids) => location.assign(addresses.compare(ids));
  return [
    select("compare-first", t("compare_first"), runs, first, (id) => go([id])),
    chosen && select("compare-second", t("compare_second"), others, second, (id) => go([first, id])),
    chosen && others.length === 0 && h("p", { class: "quiet" }, t("compare_no_other")),
  ];
}

function select(id, label, runs, current, choose) {
  const models = new Set(runs.map(({ model }) => model.id));
  const nameOf = ({ model, dataset, finished: when }) =>
    [models.size > 1 && model.name, dataset.name, moment(when)].filter(Boolean).join(" · ");
  const known = runs.some((run) => run.id === current);
  const options = [
    !known && h("option", { value: "", selected: true }, t("compare_choose")),
    runs.map((run) => h("option", { value: run.id, selected: run.id === current }, nameOf(run))),
  ];
  const change = ({ target }) => target.value && choose(target.value);
  const control = h("select", { id, on: { change } }, options.flat().filter(Boolean));
  return h("div", { class: "field" }, h("label", { for: id }, label), control);
}

/** Only what held something out, block by block, has differences with intervals. */
const isComparable = (run) => !isInSample(run) && !isBySublayers(run);

const othersOf = (runs, { id, model }) =>
  runs.filter((run) => run.id !== id && run.model.id === model.id && isComparable(run));

/** On the page of a run: the way to a comparison, if there is another run of its model. */
export function renderLink(element, { run, lang }) {
  const there = !isShared && run?.status === "finished" && run.kind === "linearity" && isComparable(run);
  if (!there || !changed(element, run.id, lang)) return;
  element.hidden = true;
  finished({ model: run.model.id })
    .then(({ items }) => {
      const others = othersOf(items, run);
      element.hidden = others.length === 0;
      const choose = (id) => location.assign(addresses.compare([run.id, id]));
      fill(element, select("compare-with", t("compare_with"), others, "", choose));
    })
    .catch(() => fill(element)); // the result itself is complete without it
}
