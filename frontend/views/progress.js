// How far a run is, or why it stopped, and what can be done about it. Gone once it is finished.

import { addresses, cancelRun, isShared, submitRun } from "../api.js";
import { changed, fill, h, keepingFocus } from "../dom.js";
import { age, duration, integer } from "../format.js";
import { t, tOr } from "../i18n.js";
import { problemText } from "./problem.js";

/**
 * @param {HTMLElement} element
 * @param {import("../state.js").State} state
 * @param {Record<"cancel"|"again"|"force", () => void>} actions
 */
export function render(element, { run, lang, actionProblem, stopping, receivedAt }, actions) {
  const finished = !run || run.status === "finished";
  element.hidden = finished;
  if (finished || !changed(element, run, lang, actionProblem?.message, stopping)) return;
  const views = { queued, running, failed, cancelled };
  keepingFocus(element, () =>
    fill(
      element,
      h("h2", { class: "visually-hidden" }, t(`status_${run.status}`)),
      views[run.status](run, actions, stopping),
      actionProblem && problemText(actionProblem),
      actionProblem?.code === "quarantined" &&
        h("button", { type: "button", "data-needs": "analyst", on: { click: actions.force } }, t("run_anyway")),
    ),
  );
  tick(element, receivedAt, run);
}

/** Refresh the words that change with the clock alone. */
export function tick(element, receivedAt, run) {
  const place = element.querySelector("[data-activity]");
  if (!place || run?.heartbeat_age_s === null || run?.heartbeat_age_s === undefined) return;
  const seconds = run.heartbeat_age_s + (performance.now() - receivedAt) / 1000;
  place.textContent = t("last_activity", { age: age(Math.round(seconds)) });
}

export const cancel = (run) => cancelRun(run.id);

/** Ask the same question again. */
export const again = (run) => submitRun(question(run));

/** The same for a run that was put aside because its worker died three times. */
export const force = (run) => submitRun({ ...question(run), force: true });

const question = ({ kind, model, dataset, params }) => ({
  kind,
  model: model.id,
  dataset: dataset.id,
  params,
});

function queued(run, actions, stopping) {
  const ahead = run.queue_position;
  const place = ahead ? t("queued_ahead", { count: ahead }) : t("queued_next");
  return [
    line(h("strong", {}, t("status_queued")), h("span", {}, place)),
    bar(null),
    controls(cancelButton(actions, stopping)),
  ];
}

function running(run, actions, stopping) {
  const { progress } = run;
  const done = doneText(progress);
  const left = progress?.eta_s && t("time_left", { range: duration(progress.eta_s) });
  return [
    line(
      h("strong", {}, done),
      left && h("span", {}, left),
      h("span", { class: "quiet", "data-activity": true }),
      run.attempt > 1 && h("span", { class: "quiet" }, t("attempt", { number: run.attempt })),
    ),
    bar(progress),
    controls(cancelButton(actions, stopping)),
  ];
}

function doneText(progress) {
  if (!progress?.total) return t(progress?.stage ? "progress_waiting" : "progress_loading");
  const unit = tOr(`unit_${progress.unit}`, progress.unit);
  return t("progress_done", { done: integer(progress.done), total: integer(progress.total), unit });
}

function failed(run, actions) {
  return [
    h(
      "div",
      { class: "failure" },
      h("p", { class: "failure-title" }, t("failed_title")),
      problemText(run.error),
    ),
    controls(
      h("button", { type: "button", class: "primary", on: { click: actions.again } }, t("try_again")),
      changeLink(run),
    ),
  ];
}

function cancelled(run, actions) {
  return [
    line(h("strong", {}, t("status_cancelled")), h("span", {}, t("cancelled_what"))),
    controls(
      h("button", { type: "button", class: "primary", on: { click: actions.again } }, t("start_again")),
      changeLink(run),
    ),
  ];
}

const changeLink = ({ kind, model, dataset, params }) => {
  const plan = params?.plan ? { plan: params.plan } : {};
  const query = { kind, model: model.id, dataset: dataset.id, ...plan };
  return h("a", { href: addresses.start(query) }, t("change_request"));
};

const line = (...children) => h("p", { class: "progress-line" }, ...children);

/** Whoever looks through a share link changes nothing. */
const controls = (...children) => !isShared && h("div", { class: "controls", "data-needs": "analyst" }, ...children);

function cancelButton(actions, stopping) {
  const text = stopping ? t("stopping") : t("cancel_run");
  return h("button", { type: "button", disabled: stopping, on: { click: actions.cancel } }, text);
}

function bar(progress) {
  const max = progress?.total || 1;
  return h("progress", { max, value: progress?.done ?? 0, "aria-label": t("progress") });
}
