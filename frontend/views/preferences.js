// Navigation, language and theme: the frame around every page.

import { addresses } from "../api.js";
import { changed, fill, h, keepingFocus, switches } from "../dom.js";
import { speak, t } from "../i18n.js";
import { update } from "../state.js";
import { may, visitor } from "../visitor.js";
import { openJobsText } from "./open_jobs.js";
import { problemText } from "./problem.js";
import { signedIn } from "./signed_in.js";

/** @param {HTMLElement} element @param {import("../state.js").State} state */
export function render(element, { lang, theme }) {
  if (!changed(element, lang, theme)) return;
  keepingFocus(element, () =>
    fill(
      element,
      signedIn(),
      switches({
        label: t("language"),
        current: lang,
        choose: (value) => changeLanguage(element, value),
        options: [{ value: "en", text: "English" }, { value: "ja", text: "日本語" }],
      }),
      switches({
        label: t("theme"),
        current: theme,
        choose: (value) => update({ theme: value }),
        options: ["light", "dark"].map((value) => ({ value, text: t(`theme_${value}`) })),
      }),
    ),
  );
}

async function changeLanguage(element, lang) {
  try {
    await speak(lang);
    update({ lang });
  } catch (error) {
    element.append(problemText(error));
  }
}

/**
 * @param {HTMLElement} element
 * @param {string} current the page that is shown
 * @param {import("../state.js").State} state
 */
export function renderNavigation(element, current, state) {
  const open = openJobsText(state);
  if (!changed(element, current, state.lang, open)) return;
  const link = (name, address, ...more) => {
    const here = name === current || (name === "library" && (current === "log" || current.startsWith("add_")));
    const attributes = { href: address, "aria-current": here ? "page" : null };
    return h("a", attributes, t(`nav_${name}`), ...more);
  };
  fill(
    element,
    link("start", addresses.start()),
    link("jobs", addresses.jobs(), open && h("span", { class: "open-jobs" }, open)),
    link("library", addresses.inputs()),
    // Where nobody signs in, nobody needs a token.
    may("admin") && visitor().way !== "local" && link("access", addresses.access()),
  );
}
