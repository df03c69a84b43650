"use strict";
// A number of the confusion matrix shows the pictures that it counts.
(() => {
  const SIDE = 56;
  const data = JSON.parse(document.getElementById("mistaken").textContent);
  const panel = document.getElementById("mistakes"), pictures = panel.querySelector(".pictures");
  const buttons = [...document.querySelectorAll("#confusion [data-cell]")];

  function portrait(place) {
    const picture = document.createElement("span");
    picture.className = "mistake";
    picture.role = "img";
    picture.ariaLabel = picture.title = `test ${data.ids[place]}`;
    cut(picture, data, data.ids.length, place, SIDE);
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

  for (const button of buttons) button.addEventListener("click", () => show(button));
  const largest = document.querySelector("#confusion .largest button");
  if (largest) show(largest);
})();
