// Adding a request log: a file, then which column holds what, then a worker reads it.

import { addresses, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { logColumns } from "./log_columns.js";
import { logFile } from "./log_file.js";
import { problemText } from "./problem.js";

/** @param {HTMLElement} main */
export async function show(main) {
  const page = { lang: "", log: null };
  const asked = new URLSearchParams(location.search).get("log");
  // Another language may have built the page anew while a file was sent.
  const here = (log) => choose((page.log = log), main.querySelector(".log-step"));
  const build = (state) => {
    if (state.lang === page.lang) return;
    page.lang = state.lang;
    document.title = `${t("add_log")} · LinearScope`;
    const step = h("div", { class: "log-step" });
    fill(
      main,
      h("p", { class: "quiet" }, h("a", { href: addresses.inputs() }, t("nav_library"))),
      h("h1", {}, t("add_log")),
      h("p", { class: "log-intro" }, t("add_log_intro")),
      step,
    );
    if (page.log) choose(page.log, step);
    else fill(step, logFile(here));
  };
  subscribe(build);
  build(getState());
  if (!asked) return;
  try {
    here(await getInput("log", asked));
  } catch (error) {
    fill(main.querySelector(".log-step"), problemText(error));
  }
}

function choose(log, step) {
  if (["ready", "inspecting"].includes(log.state)) location.assign(addresses.log(log.id));
  else fill(step, logColumns(log, () => location.assign(addresses.log(log.id))));
}
