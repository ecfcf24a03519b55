// Runs as a list: what, on which text, how far, when. Refreshed while something is open.

import { addresses, listRuns } from "../api.js";
import { fill, h, keepingFocus } from "../dom.js";
import { duration, integer, moment, seconds } from "../format.js";
import { t } from "../i18n.js";
import { may } from "../visitor.js";
import { problemText } from "./problem.js";
import { planText } from "./quality.js";

const BUSY_MS = 3000;
const IDLE_MS = 15_000;

/**
 * @param {HTMLElement} element
 * @param {{title: string, limit: number, level?: "h1"|"h2"}} options
 */
export function mount(element, { title, limit, level = "h2" }) {
  const list = h("div", { class: "runs-list" }, h("p", { class: "quiet" }, t("loading_runs")));
  const more = h("div", { class: "controls" });
  fill(element, h(level, {}, title), list, more);
  const page = { element, list, more, limit };
  refresh(page);
}

async function refresh(page) {
  let wait = IDLE_MS;
  try {
    const { items, next } = await listRuns({ limit: page.limit });
    fill(page.list, items.length ? table(items) : h("p", { class: "quiet" }, t(may("analyst") ? "no_runs" : "nothing_here")));
    keepingFocus(page.more, () => fill(page.more, next && moreButton(page), comparable(items) && compareLink()));
    if (items.some(({ status }) => status === "running" || status === "queued")) wait = BUSY_MS;
  } catch (error) {
    fill(page.list, problemText(error));
  }
  // A list that is no longer on the page (the language changed) stops by itself.
  setTimeout(() => page.element.isConnected && refresh(page), wait);
}

/** Whether there may be two runs to set side by side. */
const comparable = (runs) => runs.filter(({ kind, status }) => kind === "linearity" && status === "finished").length > 1;

const compareLink = () => h("a", { href: addresses.compare([]) }, t("compare_link"));

function moreButton(page) {
  const click = () => {
    page.limit += 50;
    refresh(page);
  };
  return h("button", { type: "button", on: { click } }, t("more_runs"));
}

function table(runs) {
  const heads = ["model", "kind", "dataset", "tokens", "status", "when", "took"];
  return h(
    "table",
    { class: "runs-table" },
    h("thead", {}, h("tr", {}, heads.map((key) => h("th", { scope: "col" }, t(`column_${key}`))))),
    h("tbody", {}, runs.map(row)),
  );
}

function row(run) {
  const cell = (key, ...content) => h("td", { "data-label": t(key) }, ...content);
  const short = (key, text) => h("td", { "data-label": t(key), "data-nowrap": true }, text);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("a", { href: addresses.run(run.id) }, run.model.name), size(run.model)),
    cell("column_kind", t(`kind_${run.kind}`), planOf(run)),
    cell("column_dataset", run.dataset.name),
    cell("column_tokens", integer(tokensOf(run))),
    cell("column_status", statusText(run.status), far(run), run.imported && h("span", { class: "quiet" }, ` ${t("imported_short")}`)),
    short("column_when", moment(run.finished ?? run.created)),
    short("column_took", seconds(run.seconds)),
  );
}

/** A plan tells runs of the same model apart. */
const planOf = ({ params }) => params?.plan && h("span", { class: "quiet list-plan" }, planText(params.plan));

/** What is scored; a linearity run names all that is read. */
const tokensOf = ({ kind, params = {} }) => {
  if (["linearity", "passage"].includes(kind)) return params.tokens;
  if (["answers", "speed"].includes(kind)) return null;
  return params.split === "report" ? params.report_tokens : params.select_tokens;
};

const statusText = (status) =>
  h("span", { class: `status status-${status}` }, t(`status_${status}`));

const size = ({ blocks, width }) =>
  blocks && h("span", { class: "quiet" }, t("blocks_by_width", { blocks, width }));

function far({ status, progress, queue_position: ahead, error }) {
  const quiet = (text) => h("span", { class: "quiet" }, ` ${text}`);
  if (status === "queued" && ahead) return quiet(t("queued_ahead", { count: ahead }));
  if (status === "failed" && error) return quiet(error.message);
  if (status !== "running" || !progress) return null;
  const left = progress.eta_s ? ` · ${t("time_left", { range: duration(progress.eta_s) })}` : "";
  return quiet(`${integer(progress.done)} / ${integer(progress.total)}${left}`);
}
