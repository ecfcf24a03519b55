// What a share link opens: a run's page to look at, with who sent it what and until when.

import { getSharedLink } from "../api.js";
import { changed, fill, h } from "../dom.js";
import { moment } from "../format.js";
import { t } from "../i18n.js";
import { getState, showView, subscribe } from "../state.js";
import * as runPage from "./run_page.js";

const WITH_TEXTS = ["plan", "answers", "passage", "heal"];

/** @param {HTMLElement} main */
export async function show(main) {
  const link = await getSharedLink();
  showView(link.view);
  const banner = h("aside", { id: "shared-banner", class: "shared-banner" });
  const place = h("div");
  fill(main, banner, place);
  const render = (state) => renderBanner(banner, link, state);
  subscribe(render);
  render(getState());
  await runPage.show(place, link.run);
}

function renderBanner(element, link, { run, lang }) {
  if (!changed(element, run?.kind, lang)) return;
  const frozen = link.mode === "frozen";
  const left = !link.include_texts && WITH_TEXTS.includes(run?.kind);
  fill(
    element,
    link.note && h("p", { class: "shared-note" }, link.note),
    h(
      "p",
      { class: "quiet" },
      [
        frozen ? t("shared_frozen", { moment: moment(link.created) }) : t("shared_live"),
        t("shared_until", { moment: moment(link.expires) }),
        left && t("shared_without_texts"),
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}
