// The three ways in of a dataset: files of one's own, a path on the server, the hub.

import { addInput } from "../api.js";
import { fill, h, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { ownFiles } from "./own_files.js";
import { problemText } from "./problem.js";

const ACCEPTED = ".txt,.md,.jsonl,.ndjson,.csv,.tsv,.parquet,.xlsx";

/**
 * @param {{opened: (dataset: object) => void}} listeners called with what can be looked at
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function datasetSources({ opened }) {
  const files = ownFiles("dataset", { accept: ACCEPTED, note: "drop_dataset_note", paste: true, nameOf, sent: opened });
  const element = h("div");
  const speak = () => {
    files.speak();
    keepingTyped(element, () =>
      fill(element, section("upload", files.element), pathSource(opened), hubSource(opened)),
    );
  };
  speak();
  return { element, speak };
}

const pathSource = (opened) =>
  section("path", form(opened, (fields) => ({ source: "path", path: fields.path }), ["path"]));

const hubSource = (opened) => {
  const body = ({ name, ...rest }) => ({ source: "hub", name, ...filled(rest) });
  return section("hub", form(opened, body, ["name", "config", "split", "revision"]));
};

function form(opened, body, names) {
  const message = h("div", { "aria-live": "polite" });
  const inputs = Object.fromEntries(names.map((name, index) => [name, input(name, index === 0)]));
  const button = h("button", { type: "submit" }, t("look_at_dataset"));
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(message, h("p", { class: "quiet", role: "status" }, t("looking_at_dataset")));
    try {
      const values = Object.fromEntries(names.map((name) => [name, inputs[name].value.trim()]));
      opened(await addInput("datasets", { ...body(values), preview: true }));
    } catch (error) {
      fill(message, problemText(error));
    }
    button.disabled = false;
  };
  return h(
    "form",
    { on: { submit } },
    h("div", { class: names.length > 1 ? "fields" : "intake-line" }, names.map((name) => field(name, inputs[name])), names.length === 1 && button),
    names.length > 1 && h("p", {}, button),
    message,
  );
}

const PLACEHOLDERS = { path: "/srv/texts/questions.csv", name: "owner/name", split: "train", revision: "main" };

const input = (name, required) =>
  h("input", { id: `dataset-${name}`, required, autocomplete: "off", spellcheck: "false", maxlength: "500", placeholder: PLACEHOLDERS[name] });

const field = (name, control) =>
  h("div", { class: "field" }, h("label", { for: `dataset-${name}` }, t(`dataset_field_${name}`)), control);

const section = (name, ...content) =>
  h("section", { class: "intake" }, h("h2", {}, t(`dataset_from_${name}`)), h("p", { class: "quiet" }, t(`dataset_from_${name}_note`)), ...content);

const filled = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
const nameOf = (file) => file.replace(/\.[^.]+$/, "").replace(/[^\w.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "") || "my-text";
