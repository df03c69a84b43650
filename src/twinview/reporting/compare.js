"use strict";
// A pressed heading sorts its table: numbers from the largest, words from A. A second press reverses the order.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  const compare = (a, b, way) => {
    if (a === "" || b === "") return (a === "") - (b === ""); // empty cells come last
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
