// The numbers and the pictures, to take along.

import { addresses } from "../api.js";
import { picture } from "../charts.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { problemText } from "./problem.js";

const FIGURES = ["heatmap", "profile", "norms"];

/** @param {HTMLElement} element @param {object} figures the figures on the page, by name */
export function render(element, { run, lang }, figures) {
  const there = run?.status === "finished";
  element.hidden = !there;
  if (!there || !changed(element, run.id, lang)) return;
  const message = h("div", {});
  fill(
    element,
    h("h2", {}, t("downloads")),
    h("ul", { class: "downloads" }, files(run, lang), pictures(run, figures, message)),
    message,
  );
}

function files(run, lang) {
  const formats = [
    ["CSV", { format: "csv" }, `${run.id}.csv`],
    [t("csv_excel"), { format: "csv", for: "excel", lang }, `${run.id}-excel.csv`],
    ["JSON", { format: "json" }, `${run.id}.json`],
    ["NPZ", { format: "npz" }, `${run.id}.npz`],
  ];
  const links = formats.map(([text, query, download]) =>
    h("a", { href: addresses.result(run.id, query), download: `linearity-${download}` }, text),
  );
  return row(t("download_numbers"), links);
}

function pictures(run, figures, message) {
  return FIGURES.map((name) =>
    row(
      t(`figure_${name}`),
      ["png", "svg"].map((format) => {
        const click = () => save(run, figures[name], { name, format, message });
        return h("button", { type: "button", class: "small", on: { click } }, format.toUpperCase());
      }),
    ),
  );
}

const row = (title, items) =>
  h("li", {}, h("span", { class: "downloads-title" }, title), h("span", { class: "downloads-items" }, items));

async function save(run, figure, { name, format, message }) {
  fill(message);
  try {
    const href = await picture(figure, { format, name });
    h("a", { href, download: `linearity-${run.id}-${name}.${format}` }).click();
  } catch (error) {
    fill(message, problemText({ code: "picture", message: error.message }));
  }
}
