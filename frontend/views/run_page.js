// A run's page: the same layout while it runs and when it is finished.

import { preload } from "../charts.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { openRun } from "../live_run.js";
import { getState, subscribe, update } from "../state.js";
import * as details from "./details.js";
import * as downloads from "./downloads.js";
import * as figures from "./figures.js";
import * as finding from "./finding.js";
import * as heatmapPanel from "./heatmap_panel.js";
import { problemText } from "./problem.js";
import * as progress from "./progress.js";
import * as runFacts from "./run_facts.js";
import * as runHeader from "./run_header.js";
import * as table from "./table.js";

const TICK_MS = 1000;

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
  const region = (name, tag = "section") => h(tag, { id: name, class: name });
  const places = {
    problem: region("page-problem", "div"),
    header: region("run-header", "div"),
    progress: region("run-progress"),
    finding: region("finding"),
    switches: region("heatmap-switches", "div"),
    heatmap: h("div", { class: "plot plot-heatmap" }),
    profile: h("div", { class: "plot plot-profile" }),
    norms: h("div", { class: "plot plot-norms" }),
    details: h("section", { id: "details", class: "details", tabindex: "-1" }),
    table: region("numbers"),
    downloads: region("downloads-section"),
    facts: region("run-facts"),
    live: h("p", { class: "visually-hidden", "aria-live": "polite" }),
  };
  const { heatmap, profile, norms } = places;
  places.captions = [
    figure("heatmap", heatmap, places.switches),
    figure("profile", profile),
    figure("norms", norms),
  ];
  const [left, ...right] = places.captions.map(({ element }) => element);
  places.pictures = h("div", { class: "pictures" }, left, h("div", { class: "pictures-right" }, right));
  fill(
    main,
    places.problem,
    places.header,
    places.progress,
    places.finding,
    places.pictures,
    places.details,
    places.table,
    h("div", { class: "after" }, places.downloads, places.facts),
    places.live,
  );
  return places;
}

/** A figure with a heading that names it and a sentence that says how to read it. */
function figure(name, plot, switches) {
  const heading = h("h2", { id: `title-${name}` });
  const note = h("figcaption", { id: `note-${name}`, class: "quiet" });
  const labels = { class: `panel panel-${name}`, "aria-labelledby": `title-${name} note-${name}` };
  return { name, heading, note, element: h("figure", labels, heading, note, switches, plot) };
}

function renderAll(places, state, actions) {
  renderProblem(places.problem, state);
  const nothing = Boolean(state.run) && !state.result && !["queued", "running"].includes(state.run.status);
  for (const place of [places.pictures, places.details, places.table]) place.hidden = nothing || !state.run;
  if (changed(places.live, state.lang)) renderCaptions(places.captions);
  runHeader.render(places.header, state);
  progress.render(places.progress, state, actions);
  finding.render(places.finding, state);
  heatmapPanel.render(places.switches, state);
  details.render(places.details, state);
  table.render(places.table, state);
  downloads.render(places.downloads, state, figures.figures);
  runFacts.render(places.facts, state);
  const summary = details.summary(state);
  if (places.live.textContent !== summary) places.live.textContent = summary;
  figures.render(places, state); // shows its own errors
}

function renderCaptions(captions) {
  for (const { name, heading, note } of captions) {
    heading.textContent = t(`figure_${name}`);
    note.textContent = t(`figure_${name}_note`);
  }
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
