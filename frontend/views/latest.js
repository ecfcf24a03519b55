// The newest finished result on the start page: its finding first, and its profile as a small line.

import { addresses, getResult, listRuns } from "../api.js";
import { fill, h } from "../dom.js";
import { language, t } from "../i18n.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, EDGE] = [480, 96, 4];

/** Fill the element when there is a finished run; a failure here is not worth a message. */
export async function mount(element) {
  const { items } = await listRuns({ status: "finished", kind: "linearity", limit: 1 });
  if (!items.length) return;
  const [run] = items;
  const { profile, finding } = await getResult(run.id, false);
  fill(
    element,
    h("h2", {}, t("latest_result")),
    h("p", { class: "quiet" }, `${run.model.name} · ${run.dataset.name}`),
    lines(profile),
    h("p", {}, finding[language()] ?? finding.en),
    h("p", {}, h("a", { href: addresses.run(run.id) }, t("open_result"))),
  );
}

function lines(profile) {
  const [stream, update] = ["r2", "update_r2"].map((name) => shown(profile, name));
  const picture = svg("svg", {
    class: "latest-picture",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    role: "img",
    "aria-label": t("latest_picture"),
    preserveAspectRatio: "none",
  });
  const low = Math.min(0.5, ...[...stream, ...update].filter((value) => value !== null));
  picture.append(line(stream, low, "line-stream"), line(update, low, "line-update"));
  return picture;
}

/** Held-out scores; of a run that held nothing out, its in-sample ones. */
const shown = (profile, name) => {
  const heldout = profile[`${name}_heldout`];
  return heldout.some((value) => value !== null) ? heldout : profile[`${name}_fit`];
};

function line(values, low, name) {
  const step = (WIDTH - 2 * EDGE) / Math.max(values.length - 1, 1);
  const height = (value) => EDGE + ((1 - value) / (1 - low)) * (HEIGHT - 2 * EDGE);
  const points = values
    .map((value, block) => (value === null ? "" : `${EDGE + block * step},${height(value).toFixed(1)}`))
    .filter(Boolean);
  return svg("polyline", { class: name, points: points.join(" ") });
}

function svg(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
