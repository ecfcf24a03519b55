// Who may come in: the access tokens, for administrators.

import { listTokens } from "../api.js";
import { fill, h, keepingTyped } from "../dom.js";
import { t } from "../i18n.js";
import { getState, subscribe } from "../state.js";
import { may, visitor } from "../visitor.js";
import { problemText } from "./problem.js";
import { tokenForm } from "./token_form.js";
import { tokenList } from "./token_list.js";

/** @param {HTMLElement} main */
export async function show(main) {
  const page = { lang: "", items: null };
  const list = h("section", { id: "tokens", class: "tokens", tabindex: "-1" });
  const reload = async () => {
    try {
      page.items = (await listTokens()).items;
      tokenList(list, page.items, reload);
    } catch (error) {
      fill(list, problemText(error));
    }
  };
  const form = tokenForm(reload);
  const build = (state) => {
    if (state.lang === page.lang) return;
    page.lang = state.lang;
    document.title = `${t("nav_access")} · LinearScope`;
    if (page.items) tokenList(list, page.items, reload);
    keepingTyped(main, () => {
      form.speak();
      fill(main, head(), ...(may("admin") ? [form.element, list] : [h("p", { class: "viewer-note" }, t("access_for_admins"))]));
    });
  };
  subscribe(build);
  build(getState());
  if (may("admin")) await reload();
}

const head = () =>
  h(
    "header",
    { class: "page-head" },
    h("h1", {}, t("nav_access")),
    h("p", { class: "prose" }, t("access_intro")),
    visitor().way === "local" && h("p", { class: "quiet prose" }, t("access_local")),
  );
