// A run's page: the same frame for every kind, while it runs and when it is finished.

import { preload } from "../charts.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { openRun } from "../live_run.js";
import { getState, subscribe, update } from "../state.js";
import * as citation from "./citation.js";
import * as downloads from "./downloads.js";
import * as figures from "./figures.js";
import * as finding from "./finding.js";
import { region } from "./panel.js";
import { problemText } from "./problem.js";
import * as progress from "./progress.js";
import * as runFacts from "./run_facts.js";
import * as runHeader from "./run_header.js";

const TICK_MS = 1000;

/** What stands between the finding and the facts, by kind: `mount`, `summary`, `pictures`, `formats`; `asksAgain` where a failed run shows its form. */
const VIEWS = {
  linearity: () => import("./linearity_view.js"),
  ablation: () => import("./ablation_view.js"),
  plan: () => import("./plan_view.js"),
  answers: () => import("./answers_view.js"),
  passage: () => import("./passage_view.js"),
  heal: () => import("./heal_view.js"),
  speed: () => import("./speed_view.js"),
  benchmark: () => import("./benchmark_view.js"),
  export: () => import("./export_view.js"),
};

/** @param {HTMLElement} main @param {string} id */
export async function show(main, id) {
  preload();
  const places = frame(main);
  const actions = {
    cancel: () => act(progress.cancel, id),
    again: () => act(progress.again, id),
    force: () => act(progress.force, id),
  };
  const render = (state) => renderAll(places, state, actions);
  subscribe(render);
  render(getState());
  setInterval(() => progress.tick(places.progress, getState().receivedAt, getState().run), TICK_MS);
  await openRun(id);
}

function frame(main) {
  const places = {
    problem: region("page-problem", "div"),
    header: region("run-header", "div"),
    progress: region("run-progress"),
    finding: region("finding"),
    body: h("div", { class: "run-body" }),
    downloads: region("downloads-section"),
    facts: region("run-facts"),
    citation: region("citation-section"),
    live: h("p", { class: "visually-hidden", "aria-live": "polite" }),
    view: null,
  };
  const after = h("div", { class: "after" }, places.downloads, places.facts);
  fill(main, places.problem, places.header, places.progress, places.finding, places.body, after, places.citation, places.live);
  return places;
}

function renderAll(places, state, actions) {
  renderProblem(places.problem, state);
  const { run, result } = state;
  const shown = ["queued", "running", ...(places.view?.asksAgain ? ["failed"] : [])];
  places.body.hidden = !run || (!result && !shown.includes(run.status));
  runHeader.render(places.header, state);
  progress.render(places.progress, state, actions);
  finding.render(places.finding, state);
  runFacts.render(places.facts, state);
  citation.render(places.citation, state);
  if (run && !places.view) places.view = mountView(places, run.kind, actions);
  places.view?.render?.(state);
}

/** Fetch the view of a kind; until it is there, the frame alone is shown. */
function mountView(places, kind, actions) {
  const view = { render: null, asksAgain: false };
  VIEWS[kind]()
    .then((module) => {
      const render = module.mount(places.body);
      view.render = (state) => {
        render(state);
        downloads.render(places.downloads, state, module, figures.figures);
        const summary = module.summary(state);
        if (places.live.textContent !== summary) places.live.textContent = summary;
      };
      view.asksAgain = Boolean(module.asksAgain);
      renderAll(places, getState(), actions);
    })
    .catch((error) => update({ problem: { code: "page", message: error.message } }));
  return view;
}

function renderProblem(element, { problem, lang }) {
  if (!changed(element, problem?.code, problem?.message, lang)) return;
  fill(element, problem && h("h1", {}, t("problem_title")), problem && problemText(problem));
}

async function act(action, id) {
  update({ stopping: action === progress.cancel, actionProblem: null });
  try {
    await action(getState().run);
    await openRun(id);
    update({ stopping: false });
  } catch (error) {
    update({ actionProblem: error, stopping: false });
  }
}
