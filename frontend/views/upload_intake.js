// A model from files of one's own: choose, see what is used and what is left out, send, measure.

import { addresses, getInput } from "../api.js";
import { fill, h } from "../dom.js";
import { percent } from "../format.js";
import { t } from "../i18n.js";
import { isHidden, missingFiles, sortModelFiles } from "../model_files.js";
import { uploadInput } from "../upload.js";
import { incomplete, keptText, leftList } from "./chosen_files.js";
import { dropZone } from "./drop_zone.js";
import { problemText } from "./problem.js";
import { inputFacts } from "./start_fields.js";
import { unfinished } from "./unfinished.js";
import { uploadList } from "./upload_list.js";

const POLL_MS = 1500;

/** @returns {{element: HTMLElement, speak: () => void}} `speak` says what is there in the page's language */
export function uploadIntake() {
  const place = {
    waiting: unfinished("model"),
    zone: h("div"),
    choice: h("div", { "aria-live": "polite" }),
    sending: h("div"),
    result: h("div", { "aria-live": "polite" }),
    shown: {}, // what fills choice, sending and result, to be said again
  };
  const element = h("section", { class: "intake upload-intake" });
  const chosen = (files) => showChoice(place, files);
  const speak = () => {
    const { waiting, zone, choice, sending, result, shown } = place;
    fill(zone, dropZone({ folders: true, note: t("drop_model_note"), chosen }));
    waiting.speak();
    for (const draw of Object.values(shown)) draw();
    fill(element, h("h2", {}, t("intake_upload")), h("p", { class: "quiet" }, t("intake_upload_note")), waiting.element, zone, choice, sending, result);
  };
  return { element, speak };
}

/** Fill one of the places, now and whenever the language changes. */
function put(place, name, draw) {
  place.shown[name] = draw;
  draw();
}

function showChoice(place, found) {
  const { kept, left, folder } = sortModelFiles(found.filter(({ path }) => !isHidden(path)));
  const known = place.waiting.matching(kept);
  const files = known ? known.uploads.map((upload) => ({ ...upload, file: fileOf(kept, upload) })) : kept;
  const missing = missingFiles(files.map(({ name }) => name));
  const form = () => (known || !missing.length ? nameForm(place, files, known, nameFor(folder)) : incomplete(missing));
  put(place, "result", () => fill(place.result));
  place.choice.hidden = false;
  put(place, "choice", () => fill(place.choice, keptText(kept), form(), left.length > 0 && leftList(left)));
  place.choice.querySelector("input, button")?.focus();
}

function nameForm(place, files, known, suggestion) {
  const name = h("input", { id: "upload-name", required: true, maxlength: "80", value: known?.name ?? suggestion, autocomplete: "off", spellcheck: "false", readonly: Boolean(known) });
  const submit = (event) => {
    event.preventDefault();
    send(place, name.value.trim(), files);
  };
  return h(
    "form",
    { class: "intake-line", on: { submit } },
    h("div", { class: "field" }, h("label", { for: "upload-name" }, t("upload_name")), name),
    h("button", { type: "submit", class: "primary" }, t(known ? "upload_continue" : "upload_start")),
    known && h("p", { class: "quiet" }, t("upload_goes_on", { share: percent(shareOf(known.uploads)) })),
  );
}

function send(place, name, files) {
  offer(place, false);
  const list = uploadList({ cancelled: () => startAgain(place, () => h("p", {}, t("upload_cancelled_note"))) });
  fill(place.sending, h("h3", {}, name), list.element);
  uploadInput("model", name, files, {
    onProgress: (handle) => {
      const refused = handle.state === "failed" && !handle.input; // nothing was sent: another name may do
      if (refused) return startAgain(place, () => problemText(handle.problem));
      place.shown.sending = () => list.redraw(handle);
      list.show(handle);
      if (handle.state === "done") watch(place, handle.input.id);
    },
  });
}

/** Let files be chosen, or hide that while some are sent. */
function offer(place, yes) {
  for (const element of [place.zone, place.choice, place.waiting.element]) element.hidden = !yes;
}

function startAgain(place, why) {
  offer(place, true);
  put(place, "sending", () => fill(place.sending));
  put(place, "result", () => fill(place.result, why()));
  place.waiting.refresh();
}

/** Follow a model whose files are all here until it is ready or refused. */
async function watch(place, id) {
  const model = await getInput("model", id).catch(() => null); // asked again in a moment
  if (!place.result.isConnected) return;
  if (model) put(place, "result", () => fill(place.result, outcome(model)));
  if (model && ["ready", "rejected"].includes(model.state)) place.zone.hidden = false; // for the next one
  else setTimeout(() => watch(place, id), POLL_MS);
}

function outcome(model) {
  const ready = model.state === "ready";
  return h(
    "div",
    { class: "upload-outcome", "data-state": model.state },
    h("p", {}, h("strong", {}, t(`added_${model.state}`, { name: model.name }))),
    h("div", {}, inputFacts("model", model)),
    ready && h("a", { class: "button", href: addresses.start({ model: model.id }) }, t("measure_this_model")),
  );
}

const fileOf = (kept, { name, size }) => kept.find((file) => file.name === name && file.size === size)?.file ?? null;
const shareOf = (uploads) => sum(uploads, "offset") / sum(uploads, "size");
const sum = (items, key) => items.reduce((total, item) => total + item[key], 0);
const nameFor = (folder) => folder.replace(/[^\w.-]+/g, "-").replace(/^[-.]+|[-.]+$/g, "") || "my-model";
