// The place beside the button that says what a measurement will take, or what is wrong with the request.

import { estimateRun } from "../api.js";
import { fill, h } from "../dom.js";
import { estimateLines } from "./estimate.js";
import { problemText } from "./problem.js";

/** @returns {{element: HTMLElement, say: (line: Node|null) => void, ask: (body: object) => Promise<Error|null>}} */
export function estimatePlace(kind = "estimate") {
  const element = h("div", { class: kind, "aria-live": "polite" });
  let asking = new AbortController();
  const say = (...lines) => {
    asking.abort();
    fill(element, ...lines);
  };
  /** Ask for the cost of a request; an answer that is overtaken is dropped. */
  const ask = async (body) => {
    asking.abort();
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await estimateRun(body, mine.signal);
      if (!mine.signal.aborted) fill(element, ...estimateLines(answer));
      return null;
    } catch (error) {
      if (mine.signal.aborted) return null;
      fill(element, problemText(error));
      return error;
    }
  };
  return { element, say, ask };
}
