// Loads a run and its numbers into the state, and follows it until it is over.

import { getResult, getRun } from "./api.js";
import { follow } from "./events.js";
import { getState, update } from "./state.js";

const TRUTH_INTERVAL_MS = 10_000;
const OPEN = ["queued", "running"];

let following = null;
let truthTimer = 0;
let loadingPartial = null;

/** Show a run: its numbers if it is finished, else what there is so far, live. */
export async function openRun(id) {
  stop();
  await refresh(id);
  const { run } = getState();
  if (!run || !OPEN.includes(run.status)) return;
  following = follow([id], { event: (kind, data) => onEvent(id, kind, data), poll: () => poll(id) });
  // Events say what changed; now and then the whole truth is fetched (queue place, remaining time).
  truthTimer = setInterval(() => refresh(id), TRUTH_INTERVAL_MS);
  await loadStarted(id);
}

function stop() {
  following?.close();
  following = null;
  clearInterval(truthTimer);
}

async function onEvent(id, kind, data) {
  if (kind === "status") await refresh(id);
  if (kind === "partial") await loadPartial(id);
  if (kind === "progress") mergeProgress(data);
  if (kind === "heartbeat") mergeProgress({});
}

/** Any news of a worker is a sign of life. */
function mergeProgress({ run: _id, ...news }) {
  const { run } = getState();
  if (!run || !OPEN.includes(run.status)) return;
  const progress = news.done === undefined ? run.progress : { stage: null, ...news };
  show({ ...run, status: "running", progress, heartbeat_age_s: 0 });
}

async function poll(id) {
  await refresh(id);
  await loadStarted(id);
}

/** Before the first tokens there is nothing to ask for. */
async function loadStarted(id) {
  const { run } = getState();
  if (run?.status === "running" && run.progress?.done > 0) await loadPartial(id);
}

/** Fetch the run; when it turns out to be finished, its result too. */
async function refresh(id) {
  try {
    const run = await getRun(id);
    if (run.status === "finished") {
      stop();
      await loadResult(run);
    } else {
      const open = OPEN.includes(run.status);
      if (!open) stop();
      show(run, open ? {} : { result: null }); // what had been counted is not a result
    }
  } catch (error) {
    // A run that is shown already stays; the next poll or event tries again.
    if (!getState().run) update({ problem: error });
  }
}

async function loadResult(run) {
  const { result } = getState();
  if (result && !result.partial) return;
  try {
    update({ result: await getResult(run.id, false), run, receivedAt: performance.now(), problem: null });
  } catch (error) {
    update({ run, problem: error });
  }
}

/** Fetch the latest intermediate numbers; calls that come while one is under way join it. */
function loadPartial(id) {
  loadingPartial ??= fetchPartial(id).finally(() => {
    loadingPartial = null;
  });
  return loadingPartial;
}

async function fetchPartial(id) {
  try {
    const result = await getResult(id, true);
    if (getState().run?.status !== "finished") update({ result });
  } catch (error) {
    if (error.status !== 404) update({ problem: error }); // 404: no numbers yet
  }
}

const show = (run, more = {}) =>
  update({ run, receivedAt: performance.now(), problem: null, ...more });
