// The start: what this answers, one form, and the runs that exist.

import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { may } from "../visitor.js";
import * as latest from "./latest.js";
import * as runsList from "./runs_list.js";
import { startForm } from "./start_form.js";

/** @param {HTMLElement} main */
export async function show(main) {
  let lang = "";
  const build = (state) => {
    if (state.lang === lang) return;
    lang = state.lang;
    document.title = `LinearScope · ${t("start_title")}`;
    const newest = h("section", { class: "latest" });
    const runs = h("section", { class: "runs" });
    fill(
      main,
      h(
        "div",
        { class: "start" },
        h(
          "div",
          { class: "intro" },
          h("h1", {}, t("start_title")),
          h("p", {}, t("start_answer")),
          h("p", { class: "quiet" }, t("start_how")),
          newest,
        ),
        may("analyst") ? startForm() : h("p", { class: "viewer-note" }, t("viewer_note")),
      ),
      runs,
    );
    // Decoration: the list below shows the same run, and says so when the server does not answer.
    latest.mount(newest).catch(() => newest.remove());
    runsList.mount(runs, { title: t("recent_runs"), limit: 10 });
  };
  subscribe(build);
  build(getState());
}
