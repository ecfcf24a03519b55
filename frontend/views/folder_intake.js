// A model in a folder of the server: browsed below the allowed folders, looked at, registered.

import { checkFolder, listFolders } from "../api.js";
import { fill, h } from "../dom.js";
import { bytes } from "../format.js";
import { t } from "../i18n.js";
import { namedBlocks } from "./named_blocks.js";
import { preflightCard, sizeText } from "./preflight_card.js";
import { problemText } from "./problem.js";
import { register } from "./register_model.js";
import { seriesPicker } from "./revision_picker.js";

/** @returns {HTMLElement} */
export function folderIntake() {
  const place = {
    list: h("div", { class: "folders" }),
    card: h("div", { class: "preflight-place" }),
    message: h("div", { "aria-live": "polite" }),
  };
  showRoots(place);
  return h(
    "section",
    { class: "intake folder-intake" },
    h("h2", {}, t("intake_folder")),
    h("p", { class: "quiet" }, t("intake_folder_note")),
    place.list,
    place.card,
    place.message,
  );
}

async function showRoots(place) {
  try {
    const { roots } = await listFolders();
    fill(
      place.list,
      roots.length === 0
        ? h("p", { class: "quiet" }, t("no_roots"))
        : h("ul", { class: "folder-list" }, roots.map(({ path }) => h("li", {}, opener(place, path, path)))),
    );
  } catch (error) {
    fill(place.list, problemText(error));
  }
}

async function open(place, path) {
  fill(place.card);
  fill(place.message);
  try {
    const listing = await listFolders(path);
    fill(place.list, ...rows(place, listing));
    place.list.querySelector("h3").focus();
  } catch (error) {
    fill(place.message, problemText(error));
  }
}

function rows(place, { path, parent, folders, more }) {
  const models = folders.filter(({ model }) => model?.usable);
  return [
    h("h3", { class: "folder-path", tabindex: "-1" }, h("code", {}, path)),
    h(
      "ul",
      { class: "folder-list" },
      h("li", {}, parent ? opener(place, parent, t("folder_up")) : rootsButton(place)),
      folders.map((folder) => row(place, folder)),
    ),
    folders.length === 0 && h("p", { class: "quiet" }, t("no_folders")),
    more && h("p", { class: "quiet" }, t("more_folders")),
    models.length > 1 && seriesOf(place, models),
  ];
}

function row(place, { name, path, model }) {
  if (!model) return h("li", {}, opener(place, path, name));
  const click = () => look(place, path, name);
  const facts = [sizeText(model), model.weight_bytes && bytes(model.weight_bytes)];
  return h(
    "li",
    { class: "is-model" },
    opener(place, path, name),
    h("span", { class: "quiet" }, facts.filter(Boolean).join(" · ")),
    h("button", { type: "button", class: "small", on: { click } }, t("look_at_model", { name })),
  );
}

async function look(place, path, name) {
  try {
    const model = await checkFolder(path);
    const click = () => register(place, { source: "path", path: model.path });
    const button = h("button", { type: "button", class: "primary", disabled: !model.usable, on: { click } }, t("register_model", { name }));
    const named = namedBlocks(model, (parts) => register(place, { source: "path", path: model.path, ...parts }));
    fill(place.card, preflightCard(model, name, button, named));
    place.card.querySelector("h3").focus();
  } catch (error) {
    fill(place.message, problemText(error));
  }
}

function seriesOf(place, models) {
  const paths = Object.fromEntries(models.map(({ name, path }) => [name, path]));
  const chosen = (names) => register(place, { source: "path", paths: names.map((name) => paths[name]) });
  return seriesPicker({ names: Object.keys(paths), label: t("folder_series"), note: t("folder_series_note"), register: chosen });
}

const opener = (place, path, text) =>
  h("button", { type: "button", class: "folder", on: { click: () => open(place, path) } }, text);

const rootsButton = (place) =>
  h("button", { type: "button", class: "folder", on: { click: () => showRoots(place) } }, t("folder_roots"));
