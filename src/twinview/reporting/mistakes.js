"use strict";
// A pressed number of the confusion matrix shows the pictures that it counts.
(() => {
  const SIDE = 56;
  const data = JSON.parse(document.getElementById("mistaken").textContent);
  const panel = document.getElementById("mistakes"), pictures = panel.querySelector(".pictures");
  const buttons = [...document.querySelectorAll("#confusion [data-cell]")];

  function portrait(place) {
    const picture = document.createElement("span");
    picture.className = "mistake";
    picture.role = "img";
    picture.ariaLabel = picture.title = `test ${data.names[place]}`;
    cut(picture, data, data.names.length, place, SIDE);
    return picture;
  }

  function show(button) {
    const cell = button.dataset.cell, places = data.cells[cell];
    const matrix = buttons.find((other) => other.dataset.cell === cell && other.ariaLabel);
    const more = places.length < Number(matrix.textContent) ? `; ${places.length} of them` : "";
    panel.querySelector("p").textContent = `${matrix.ariaLabel}${more}:`;
    pictures.replaceChildren(...places.map(portrait));
    panel.hidden = false;
    for (const other of buttons) other.ariaPressed = String(other.dataset.cell === cell);
  }

  // A matrix is one stop of the Tab key; the arrow keys move from number to number.
  const WAYS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const place = (button) => button.dataset.cell.split("/").slice(1).map(Number);
  function steer(matrix) {
    const numbers = [...matrix.querySelectorAll("[data-cell]")];
    numbers.slice(1).forEach((button) => { button.tabIndex = -1; });
    matrix.addEventListener("keydown", (event) => {
      const way = WAYS[event.key], from = numbers.indexOf(event.target);
      if (!way || from < 0) return;
      event.preventDefault();
      const [row, column] = place(numbers[from]);
      const ahead = numbers.filter((button) => {
        const [y, x] = place(button);
        return way[0] ? x === column && (y - row) * way[0] > 0 : y === row && (x - column) * way[1] > 0;
      });
      const next = way[0] + way[1] > 0 ? ahead[0] : ahead.at(-1);
      if (!next) return;
      numbers[from].tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
    });
  }

  document.querySelectorAll("#confusion .confusion").forEach(steer);
  for (const button of buttons) button.addEventListener("click", () => show(button));
  const largest = document.querySelector("#confusion .largest button");
  if (largest) show(largest);
})();
