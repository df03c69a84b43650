"use strict";
// A table is sorted by the heading that is pressed: numbers from the largest, words from A; again, the other way.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const compare = (a, b, way) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // what was not measured comes last
    const numbers = [Number(a), Number(b)];
    return way * (numbers.some(Number.isNaN) ? a.localeCompare(b) : numbers[0] - numbers[1]);
  };

  const sort = (column) => {
    const heading = headings[column], before = heading.getAttribute("aria-sort");
    const value = (row) => row.cells[column].dataset.value;
    const words = [...body.rows].some((row) => Number.isNaN(Number(value(row))));
    const first = words ? "ascending" : "descending", second = words ? "descending" : "ascending";
    const order = before === first ? second : first;
    for (const other of headings) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const way = order === "ascending" ? 1 : -1;
    body.append(...[...body.rows].sort((a, b) => compare(value(a), value(b), way)));
  };
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => sort(column)));
}
