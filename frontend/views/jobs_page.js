// Every run, the newest first.

import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { importButton } from "./imported.js";
import * as runsList from "./runs_list.js";

/** @param {HTMLElement} main */
export async function show(main) {
  let lang = "";
  const build = (state) => {
    if (state.lang === lang) return;
    lang = state.lang;
    document.title = `${t("nav_jobs")} · LinearScope`;
    const runs = h("section", { class: "runs" });
    fill(main, runs, importButton());
    runsList.mount(runs, { title: t("all_runs"), limit: 50, level: "h1" });
  };
  subscribe(build);
  build(getState());
}
