// The numbers and the pictures, to take along.

import { addresses, isShared } from "../api.js";
import { picture } from "../charts.js";
import { changed, fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { categoriesOf } from "./categories.js";
import { snapshotLink } from "./snapshot_link.js";
import { problemText } from "./problem.js";

/**
 * @param {HTMLElement} element
 * @param {import("../state.js").State} state
 * @param {{pictures: string[], formats: string[]}} view what its kind has
 * @param {object} figures the figures on the page, by name
 */
export function render(element, { run, result, lang }, view, figures) {
  const there = run?.status === "finished";
  element.hidden = !there;
  const shown = view.pictures.filter((name) => THERE[name]?.(result ?? {}) ?? true);
  if (!there || !changed(element, run.id, shown, lang)) return;
  const message = h("div", {});
  fill(
    element,
    h("h2", {}, t("downloads")),
    h("ul", { class: "downloads" }, files(run, view.formats, lang), snapshot(), bundle(run), pictures(run, shown, figures, message)),
    message,
  );
}

/** Pictures that only some results of a kind have. */
const THERE = {
  token_classes: ({ token_classes }) => Boolean(token_classes),
  token_errors: ({ token_errors }) => Boolean(token_errors),
  sample_sizes: ({ sample_sizes }) => Boolean(sample_sizes),
  interaction: ({ interaction }) => Boolean(interaction),
  costs: ({ costs }) => Boolean(costs),
  three_curves: ({ sweep }) => Boolean(sweep?.length),
  categories: (result) =>
    [result.point, ...(result.curves ?? []).flatMap(({ points }) => points)].some((point) => categoriesOf(point, result).length > 0),
};

function files(run, formats, lang) {
  const known = {
    csv: ["CSV", { format: "csv" }, `${run.id}.csv`],
    excel: [t("csv_excel"), { format: "csv", for: "excel", lang }, `${run.id}-excel.csv`],
    json: ["JSON", { format: "json" }, `${run.id}.json`],
    npz: ["NPZ", { format: "npz" }, `${run.id}.npz`],
  };
  const links = formats.map((name) => {
    const [text, query, file] = known[name];
    return h("a", { href: addresses.result(run.id, query), download: `${run.kind}-${file}` }, text);
  });
  return row(t("download_numbers"), links);
}

const snapshot = () => row(t("download_snapshot"), [snapshotLink(t("snapshot_html"))]);

/** Own prompts belong to the question of a run, so they cannot be left out of its bundle. */
function bundle(run) {
  if (isShared) return null;
  const file = { download: `${run.kind}-${run.id}.zip` };
  const without = !run.params.canaries?.length && !run.params.text && h("a", { ...file, href: addresses.bundle(run.id, false) }, "ZIP");
  const hasTexts = ["plan", "answers", "passage", "heal", "benchmark"].includes(run.kind) && run.imported?.texts !== "left_out";
  const texts = hasTexts && h("a", { ...file, href: addresses.bundle(run.id, true) }, t("download_bundle_texts"));
  return row(t("download_bundle"), [without, texts]);
}

function pictures(run, names, figures, message) {
  return names.map((name) =>
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
    h("a", { href, download: `${run.kind}-${run.id}-${name}.${format}` }).click();
  } catch (error) {
    fill(message, problemText({ code: "picture", message: error.message }));
  }
}
