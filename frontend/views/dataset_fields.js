// How the files are read, and what of them is kept: the fields beside a preview.

import { h } from "../dom.js";
import { integer } from "../format.js";
import { t } from "../i18n.js";

const DELIMITERS = [",", ";", "\t", "|"];
const MASKS = ["email", "phone", "card", "key"];
const MOST_DOCUMENTS = 200_000;

/** Encoding, delimiter, header, sheet: what was recognised is marked, and every other one is offered. */
export function readingFields({ facts, options, change }) {
  const [file] = facts.files;
  return [
    h("h3", {}, t("dataset_reading")),
    h(
      "div",
      { class: "fields" },
      file.encoding && encodingField(file.encoding, options, change),
      file.format === "csv" && delimiterField(file, change),
      ["csv", "xlsx"].includes(file.format) && flag("header", file.header ?? true, (header) => change({ header, ...NO_COLUMNS })),
      file.format === "text" && splitField(options, change),
      file.sheets?.length > 1 && sheetField(file, options, change),
    ),
  ];
}

/** Other columns come out of another reading; those that were chosen are not theirs. */
const NO_COLUMNS = { text: null, prompt: null, response: null, messages: null, category: null };

function encodingField(encoding, { encoding: own }, change) {
  const { recognised, confidence, alternatives } = encoding;
  const others = Object.keys(LABELS).filter((name) => name !== recognised);
  const likely = others.filter((name) => alternatives.includes(name));
  const rest = others.filter((name) => !alternatives.includes(name));
  const option = (value, text) => h("option", { value, selected: value === encoding.chosen }, text);
  const select = h(
    "select",
    { id: "reading-encoding", on: { change: ({ target }) => change({ encoding: target.value, ...NO_COLUMNS }) } },
    option(recognised, t(`recognised_${encoding.marked ? "marked" : confidence}`, { encoding: LABELS[recognised] })),
    likely.length > 0 && h("optgroup", { label: t("encoding_possible") }, likely.map((name) => option(name, LABELS[name]))),
    h("optgroup", { label: t("encoding_others") }, rest.map((name) => option(name, LABELS[name]))),
  );
  const bad = encoding.bad_byte ?? null;
  const note = bad === null ? (own ? "" : t("encoding_note")) : t("encoding_bad_byte", { byte: integer(bad) });
  return field("encoding", select, note);
}

/** The names of ENCODINGS, likeliest first; the server lists the same ones. */
const LABELS = {
  "utf-8": "UTF-8", cp932: "CP932 (Shift_JIS)", "utf-16-le": "UTF-16 LE", "utf-16-be": "UTF-16 BE",
  euc_jp: "EUC-JP", iso2022_jp: "ISO-2022-JP (JIS)", cp1252: "Windows-1252 (Latin-1)", "latin-1": "ISO-8859-1 (Latin-1)",
  gb18030: "GB18030 (GBK)", big5: "Big5", cp949: "CP949 (EUC-KR)", cp1251: "Windows-1251 (Cyrillic)",
};

const delimiterField = (file, change) =>
  field("delimiter", choice("delimiter", DELIMITERS, file.delimiter, (value) => t(`delimiter_${DELIMITERS.indexOf(value)}`), (delimiter) => change({ delimiter, ...NO_COLUMNS })));

const splitField = (options, change) =>
  field("split", choice("split", ["document", "line", "paragraph"], options.split ?? "document", (value) => t(`split_${value}`), (split) => change({ split })));

const sheetField = (file, options, change) =>
  field("sheet", choice("sheet", file.sheets, options.sheet ?? file.sheets[0], String, (sheet) => change({ sheet, ...NO_COLUMNS })));

/** What is kept: copies, a sample, masks, rows that cannot be read; and the model that counts tokens. */
export function keepingFields({ facts, options, change, models, model, count }) {
  const masked = options.mask ?? [];
  const toggle = (kind, on) => change({ mask: MASKS.filter((name) => (name === kind ? on : masked.includes(name))) });
  return [
    h("h3", {}, t("dataset_keeping")),
    h(
      "div",
      { class: "fields" },
      field("model", choice("model", ["", ...models.map(({ id }) => id)], model, (id) => models.find((item) => item.id === id)?.name ?? t("no_model"), count), t("reading_model_note")),
      field("sample", sampleInput(options, change), t("reading_sample_note", { most: integer(MOST_DOCUMENTS) })),
    ),
    h(
      "div",
      { class: "flags" },
      flag("dedupe", Boolean(options.dedupe), (dedupe) => change({ dedupe })),
      facts.problems.length > 0 && flag("bad_rows", options.bad_rows === "drop", (on) => change({ bad_rows: on ? "drop" : null })),
    ),
    h("fieldset", { class: "flags" }, h("legend", {}, t("reading_mask")), MASKS.map((kind) => flag(`mask_${kind}`, masked.includes(kind), (on) => toggle(kind, on)))),
    h("p", { class: "field-note" }, t("reading_mask_note")),
  ];
}

function sampleInput(options, change) {
  const set = ({ target }) => change({ sample: target.value && target.checkValidity() ? { documents: Number(target.value) } : null });
  return h("input", { id: "reading-sample", type: "number", min: "1", max: String(MOST_DOCUMENTS), inputmode: "numeric", value: options.sample?.documents ?? "", placeholder: t("all_documents"), on: { change: set } });
}

export const field = (name, control, note = "") =>
  h("div", { class: "field" }, h("label", { for: `reading-${name}` }, t(`reading_${name}`)), control, note && h("div", { class: "field-note" }, note));

export const choice = (name, values, current, text, chosen) =>
  h("select", { id: `reading-${name}`, on: { change: ({ target }) => chosen(target.value) } },
    values.map((value) => h("option", { value, selected: value === current }, text(value))));

function flag(name, checked, chosen) {
  const input = h("input", { type: "checkbox", checked, on: { change: ({ target }) => chosen(target.checked) } });
  return h("label", { class: "flag" }, input, t(`reading_${name}`));
}
