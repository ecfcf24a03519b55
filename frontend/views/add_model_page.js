// Adding a model: files of one's own, the hub, or a folder of the server.

import { addresses } from "../api.js";
import { fill, h } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { folderIntake } from "./folder_intake.js";
import { hubIntake } from "./hub_intake.js";
import { uploadIntake } from "./upload_intake.js";

/** @param {HTMLElement} main */
export async function show(main) {
  let lang = "";
  const build = (state) => {
    if (state.lang === lang) return;
    lang = state.lang;
    document.title = `${t("add_model")} · LinearScope`;
    fill(
      main,
      h("p", { class: "quiet" }, h("a", { href: addresses.inputs() }, t("nav_library"))),
      h("h1", {}, t("add_model")),
      uploadIntake(),
      hubIntake(),
      folderIntake(),
    );
  };
  subscribe(build);
  build(getState());
}
