// A data grid for the keyboard: one tab stop, arrows move, Home and End go to the ends of a row
// (with Ctrl, of the table), Enter selects, Escape leaves.

import { fill, h } from "./dom.js";

/**
 * @typedef {object} Grid
 * @property {string} label
 * @property {string} corner what rows and columns mean
 * @property {string[]} columns
 * @property {{head: string, cells: (string|null)[]}[]} rows a null cell does not exist
 * @property {[number, number]|null} selected row and column; column -1 means the whole row
 * @property {(row: number, column: number) => void} choose
 * @property {() => void} leave
 */

/** @param {HTMLElement} element @param {Grid} grid */
export function renderGrid(element, grid) {
  const table = h(
    "table",
    { role: "grid", "aria-label": grid.label, "aria-rowcount": grid.rows.length + 1 },
    h("thead", {}, headRow(grid)),
    h("tbody", {}, grid.rows.map((row, index) => bodyRow(grid, row, index))),
  );
  fill(element, table);
  const start = table.querySelector("td[aria-selected=true]") ?? table.querySelector("td[tabindex]");
  if (start) start.tabIndex = 0;
  table.addEventListener("keydown", (event) => onKey(event, table, grid));
  table.addEventListener("click", (event) => onClick(event, table, grid));
}

/** Show another selection without building the table anew; the focus stays where it is. */
export function selectInGrid(element, selected) {
  for (const cell of element.querySelectorAll("td[aria-selected=true]")) {
    cell.setAttribute("aria-selected", "false");
  }
  if (!selected) return;
  for (const cell of cellsOf(element, selected)) cell.setAttribute("aria-selected", "true");
  const first = cellsOf(element, selected)[0];
  if (first && !element.contains(document.activeElement)) moveStop(element, first);
}

function headRow(grid) {
  const head = (text, name) => h("th", { scope: "col", role: "columnheader", class: name }, text);
  const columns = grid.columns.map((text) => head(text));
  return h("tr", { role: "row" }, head(grid.corner, "corner"), columns);
}

function bodyRow(grid, row, index) {
  const cells = row.cells.map((text, column) =>
    text === null
      ? h("td", { role: "gridcell", class: "void" })
      : h(
          "td",
          {
            role: "gridcell",
            tabindex: -1,
            "data-row": index,
            "data-column": column,
            "aria-selected": String(isSelected(grid.selected, index, column)),
          },
          text,
        ),
  );
  return h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, row.head), cells);
}

const isSelected = (selected, row, column) =>
  Boolean(selected) && selected[0] === row && (selected[1] === column || selected[1] === -1);

function onClick(event, table, grid) {
  const cell = event.target.closest("td[tabindex]");
  if (!cell) return;
  focus(table, cell);
  grid.choose(Number(cell.dataset.row), Number(cell.dataset.column));
}

function onKey(event, table, grid) {
  const cell = event.target.closest("td[tabindex]");
  if (!cell || event.altKey || event.metaKey) return;
  if (event.key === "Enter" || event.key === " ") {
    grid.choose(Number(cell.dataset.row), Number(cell.dataset.column));
  } else if (event.key === "Escape") grid.leave();
  else {
    const next = neighbour(table, cell, event);
    if (!next) return;
    focus(table, next);
  }
  event.preventDefault();
}

function neighbour(table, cell, { key, ctrlKey }) {
  const row = [...cell.parentElement.querySelectorAll("td[tabindex]")];
  const column = [...table.querySelectorAll(`td[data-column="${cell.dataset.column}"]`)];
  const all = table.querySelectorAll("td[tabindex]");
  const step = (cells, by) => cells[cells.indexOf(cell) + by];
  switch (key) {
    case "ArrowRight": return step(row, 1);
    case "ArrowLeft": return step(row, -1);
    case "ArrowDown": return step(column, 1);
    case "ArrowUp": return step(column, -1);
    case "Home": return ctrlKey ? all[0] : row[0];
    case "End": return ctrlKey ? all[all.length - 1] : row[row.length - 1];
    default: return undefined;
  }
}

const cellsOf = (element, [row, column]) =>
  [...element.querySelectorAll(`td[data-row="${row}"]`)].filter(
    (cell) => column === -1 || Number(cell.dataset.column) === column,
  );

function focus(table, cell) {
  moveStop(table, cell);
  cell.focus();
}

function moveStop(table, cell) {
  for (const other of table.querySelectorAll('td[tabindex="0"]')) other.tabIndex = -1;
  cell.tabIndex = 0;
}
