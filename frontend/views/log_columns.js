// What each column of a log holds: a proposal with the first rows, to be mended and confirmed.

import { listModels, readLog, writeLog } from "../api.js";
import { fill, h, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { discardButton } from "./discard.js";
import { previewTable } from "./log_preview.js";
import { problemText } from "./problem.js";

const COLUMNS = ["timestamp", "route", "prompt", "response", "prompt_tokens", "response_tokens", "latency", "cost"];
const FORMATS = ["jsonl", "csv"];
const DELIMITERS = { ",": ",", ";": ";", "\t": "Tab", "|": "|" };
const QUARTERS = [...Array(113).keys()].map((step) => step * 15 - 840);

/**
 * @param {object} log
 * @param {() => void} confirmed
 * @returns {{element: HTMLElement, speak: () => void}} `speak` says the same in the page's language
 */
export function logColumns(log, confirmed) {
  const element = h("div", { class: "log-columns" }, h("p", { class: "quiet", role: "status" }, t("log_reading_preview")));
  let speak = () => {};
  const look = async (query) => {
    try {
      const [preview, models] = await Promise.all([readLog(log.id, "preview", query), listModels()]);
      const draw = () => fill(element, form(log, { preview, models: models.items, look, confirmed }));
      speak = () => keepingTyped(element, draw);
      draw();
    } catch (error) {
      fill(element, problemText(error), discardButton("log", log.id));
    }
  };
  look({});
  return { element, speak: () => speak() };
}

function form(log, { preview, models, look, confirmed }) {
  const { options, columns } = preview;
  const message = h("div", { "aria-live": "polite" });
  const reread = () => {
    const { format, encoding, delimiter } = read(element);
    look(format === options.format ? { format, encoding, delimiter } : { format, encoding });
  };
  const submit = async (event) => {
    event.preventDefault();
    try {
      await writeLog(log.id, "confirm", { options: read(element) });
      confirmed();
    } catch (error) {
      fill(message, problemText(error));
    }
  };
  const names = [["", t("log_no_column")], ...columns.map((name) => [name, name])];
  const ready = models.filter(({ state }) => state === "ready").map(({ id, name }) => [id, name]);
  const element = h(
    "form",
    { class: "log-form", on: { submit } },
    h("h2", {}, t("log_columns_title", { name: log.name })),
    h("p", { class: "quiet wide" }, t(`log_encoding_${preview.encoding.confidence}`)),
    field("format", FORMATS.map((name) => [name, name.toUpperCase()]), options.format, reread),
    field("encoding", Object.entries(encodings(preview)), options.encoding, reread),
    options.format === "csv" && field("delimiter", Object.entries(DELIMITERS), options.delimiter, reread),
    h("div", { class: "wide" }, previewTable(preview)),
    COLUMNS.map((name) => field(name, names, options.columns[name] ?? "")),
    field("latency_unit", [["s", t("log_seconds")], ["ms", t("log_milliseconds")]], options.latency_unit),
    h("div", { class: "field" }, h("label", { for: "log-currency" }, t("log_field_currency")), h("input", { id: "log-currency", name: "currency", value: options.currency, maxlength: 8 })),
    field("offset_minutes", QUARTERS.map((minutes) => [minutes, zone(minutes)]), -new Date().getTimezoneOffset()),
    field("tokenizer", [["", t("log_by_characters")], ...ready], ""),
    h("p", { class: "field-note wide" }, t("log_privacy")),
    h("div", { class: "wide controls" }, h("button", { type: "submit", class: "primary" }, t("log_read")), discardButton("log", log.id)),
    message,
  );
  return element;
}

function field(name, choices, current, change) {
  const options = choices.map(([value, text]) => h("option", { value, selected: String(value) === String(current) }, text));
  const listeners = change ? { change } : {};
  return h(
    "div",
    { class: "field" },
    h("label", { for: `log-${name}` }, t(`log_field_${name}`)),
    h("select", { id: `log-${name}`, name, on: listeners }, options),
  );
}

const encodings = ({ encoding: { names }, options: { encoding } }) => ({ [encoding]: encoding, ...names });

function read(element) {
  const typed = new FormData(element);
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, typed.get(name) || null]));
  return {
    format: typed.get("format"),
    encoding: typed.get("encoding"),
    delimiter: typed.get("delimiter") ?? ",",
    columns,
    latency_unit: typed.get("latency_unit"),
    currency: String(typed.get("currency")).trim(),
    offset_minutes: Number(typed.get("offset_minutes")),
    tokenizer: typed.get("tokenizer") || null,
  };
}

function zone(minutes) {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  const sign = minutes < 0 ? "−" : "+";
  return minutes === 0 ? "UTC" : `UTC${sign}${hours}${rest ? `:${String(rest).padStart(2, "0")}` : ""}`;
}
