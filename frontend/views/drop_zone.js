// Where files are chosen: dropped, picked one by one, or as a whole folder. Nothing is sent yet.

import { h } from "../dom.js";
import { t } from "../i18n.js";

/**
 * @param {{folders: boolean, single?: boolean, accept?: string, note: string,
 *   chosen: (files: {path: string, file: File}[]) => void}} options
 * @returns {HTMLElement}
 */
export function dropZone({ folders, single = false, accept, note, chosen }) {
  const pick = (attributes) => {
    const change = () => {
      const files = [...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
      input.value = ""; // the same choice again is a change, too
      if (files.length) chosen(files);
    };
    const input = h("input", { type: "file", multiple: !single, hidden: true, ...attributes, on: { change } });
    return input;
  };
  const files = pick({ accept, class: "pick-files" });
  const folder = folders && pick({ webkitdirectory: true, class: "pick-folder" });
  const button = (input, text) =>
    h("button", { type: "button", on: { click: () => input.click() } }, text);
  const zone = h(
    "div",
    { class: "drop-zone" },
    h("p", {}, t(folders ? "drop_folder" : single ? "drop_file" : "drop_files")),
    h(
      "div",
      { class: "controls" },
      folder && button(folder, t("choose_folder")),
      button(files, t(single ? "choose_file" : "choose_files")),
    ),
    h("p", { class: "quiet" }, note),
    files,
    folder,
  );
  listenForDrops(zone, chosen);
  return zone;
}

let isGuarded = false;

/** What is let go beside the zone does nothing; the browser would leave the page for the file. */
function guardPage() {
  if (isGuarded) return;
  isGuarded = true;
  const keepPage = (event) => event.dataTransfer.types.includes("Files") && event.preventDefault();
  for (const kind of ["dragover", "drop"]) addEventListener(kind, keepPage);
}

function listenForDrops(zone, chosen) {
  guardPage();
  const over = (yes) => zone.classList.toggle("is-over", yes);
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  zone.addEventListener("dragleave", () => over(false));
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    over(false);
    // Entries must be taken before the first pause; afterwards the browser forgets them.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = (await Promise.all(entries.map((entry) => filesOf(entry)))).flat();
    if (files.length) chosen(files);
  });
}

/** @returns {Promise<{path: string, file: File}[]>} */
async function filesOf(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [{ path, file: await new Promise((yes, no) => entry.file(yes, no)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    // A reader hands out a hundred entries at a time.
    const some = await new Promise((yes, no) => reader.readEntries(yes, no));
    if (!some.length) break;
    found.push(...some);
  }
  return (await Promise.all(found.map(filesOf))).flat();
}
