// Adding a model: files of one's own, the hub, or a folder of the server.

import { fill, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { forAnalysts } from "./for_analysts.js";
import { folderIntake } from "./folder_intake.js";
import { hubIntake } from "./hub_intake.js";
import { pageHead } from "./page_head.js";
import { uploadIntake } from "./upload_intake.js";

/** @param {HTMLElement} main */
export async function show(main) {
  const page = { lang: "", upload: null };
  // What is being sent goes on when the language changes; the rest is built anew.
  const intakes = () => {
    page.upload ??= uploadIntake();
    page.upload.speak();
    return [page.upload.element, hubIntake(), folderIntake()];
  };
  const build = (state) => {
    if (state.lang === page.lang) return;
    page.lang = state.lang;
    keepingTyped(main, () => fill(main, pageHead(t("add_model")), forAnalysts(intakes)));
  };
  subscribe(build);
  build(getState());
}
