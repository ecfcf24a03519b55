// How linear each block is, from the newest linearity run of the same model: drawn beside what it costs.

import { addresses, getResult, isShared, listRuns } from "../api.js";
import { update } from "../state.js";

const known = new Map();

/**
 * @param {object|null} run whose model is meant
 * @returns {{id: string, address: string, text: string}|null} null until it is there, or where there is none
 */
export function besideOf(run) {
  const model = run?.model?.id;
  if (!model || isShared || run.imported) return null;
  if (!known.has(model)) {
    known.set(model, null);
    find(run).then((found) => {
      if (!found) return;
      known.set(model, found);
      update({}); // what is drawn changes
    }, () => {}); // the costs stand without it
  }
  return known.get(model);
}

async function find({ model }) {
  const { items } = await listRuns({ kind: "linearity", model: model.id, status: "finished", limit: 20 });
  const fits = ({ params = {}, imported }) => params.granularity === "block" && params.protocol !== "paper" && !imported;
  const run = items.find(fits);
  if (!run) return null;
  const { profile } = await getResult(run.id, false);
  const text = profile.update_r2_heldout.map((value) => (value === null ? "" : value.toFixed(4))).join(",");
  return { id: run.id, address: addresses.run(run.id), text };
}
