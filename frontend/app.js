// Entry: decide which page the address means, give it the language, and show it.

import { isShared, pageOf } from "./api.js";
import { fill } from "./dom.js";
import { speak, t } from "./i18n.js";
import { followBrowser, getState, subscribe, update } from "./state.js";
import { meet } from "./visitor.js";
import { countOpenJobs } from "./views/open_jobs.js";
import * as preferences from "./views/preferences.js";
import { problemText } from "./views/problem.js";

const PAGES = {
  start: () => import("./views/start_page.js"),
  run: () => import("./views/run_page.js"),
  jobs: () => import("./views/jobs_page.js"),
  compare: () => import("./views/compare_page.js"),
  library: () => import("./views/library_page.js"),
  add_model: () => import("./views/add_model_page.js"),
  add_dataset: () => import("./views/add_dataset_page.js"),
  add_log: () => import("./views/add_log_page.js"),
  log: () => import("./views/log_page.js"),
  access: () => import("./views/access_page.js"),
  shared: () => import("./views/shared_page.js"),
};

const main = document.getElementById("main");

async function start() {
  const page = pageOf(location.pathname);
  const module = PAGES[page.name](); // fetched beside the words
  followBrowser(({ lang }) => speak(lang).catch(showProblem));
  await Promise.all([speak(getState().lang), meet()]);
  subscribe((state) => renderFrame(page.name, state));
  update({});
  await (await module).show(main, page.id);
  if (!isShared) await countOpenJobs();
}

function renderFrame(name, state) {
  if (isShared) document.querySelector(".brand").removeAttribute("href");
  else preferences.renderNavigation(document.getElementById("nav"), name, state);
  preferences.render(document.getElementById("preferences"), state);
  for (const element of document.querySelectorAll("[data-i18n]")) {
    element.textContent = t(element.dataset.i18n);
  }
}

// A page out of the back-forward cache has lost its event stream.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

const showProblem = (error) =>
  fill(main, problemText({ code: error.code ?? "page", message: error.message }));

start().catch(showProblem);
