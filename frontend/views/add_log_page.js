// Adding a request log: a file, then which column holds what, then a worker reads it.

import { addresses, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { may } from "../visitor.js";
import { forAnalysts } from "./for_analysts.js";
import { logColumns } from "./log_columns.js";
import { logFile } from "./log_file.js";
import { pageHead } from "./page_head.js";
import { problemText } from "./problem.js";

/** @param {HTMLElement} main */
export async function show(main) {
  const page = { lang: "", step: null };
  const here = (log) => {
    if (["ready", "inspecting"].includes(log.state)) location.assign(addresses.log(log.id));
    else put(logColumns(log, () => location.assign(addresses.log(log.id))));
  };
  const put = (step) => {
    page.step = step;
    const place = main.querySelector(".log-step");
    if (place) fill(place, step.element);
  };
  const build = (state) => {
    if (state.lang === page.lang) return;
    page.lang = state.lang;
    page.step?.speak();
    const step = () => [
      h("p", { class: "log-intro" }, t("add_log_intro")),
      h("div", { class: "log-step" }, page.step?.element),
    ];
    fill(main, pageHead(t("add_log")), forAnalysts(step));
  };
  subscribe(build);
  build(getState());
  if (!may("analyst")) return;
  const asked = new URLSearchParams(location.search).get("log");
  try {
    if (!asked) put(logFile(here));
    else here(await getInput("log", asked));
  } catch (error) {
    fill(main.querySelector(".log-step"), problemText(error));
  }
}
