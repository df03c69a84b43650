"use strict";
// A curve shows its values under the mouse or a finger, and by the arrow keys.
for (const figure of document.querySelectorAll(".chart[data-points]")) {
  const points = JSON.parse(figure.dataset.points), end = points.length - 1;
  const svg = figure.querySelector("svg"), last = figure.querySelector(".last");
  const still = last.textContent;
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  let at = null;

  function show(number) {
    at = number;
    const [x, y, label] = points[at ?? end];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    ring.style.display = at === null ? "none" : "";
    last.textContent = at === null ? still : label;
    svg.setAttribute("aria-valuenow", (at ?? end) + 1);
    svg.setAttribute("aria-valuetext", label);
  }

  function follow(event) {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * svg.viewBox.baseVal.width;
    const away = points.map((point) => Math.abs(point[0] - x));
    show(away.indexOf(Math.min(...away)));
  }

  const KEYS = {
    ArrowLeft: () => Math.max(0, (at ?? end + 1) - 1),
    ArrowRight: () => Math.min(end, (at ?? -1) + 1),
    Home: () => 0,
    End: () => end,
    Escape: () => null,
  };
  svg.addEventListener("pointermove", follow);
  svg.addEventListener("click", follow);
  svg.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") show(null); });
  svg.addEventListener("blur", () => show(null));
  svg.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    show(KEYS[event.key]());
  });

  ring.setAttribute("r", 5);
  ring.classList.add("ring");
  svg.append(ring);
  svg.tabIndex = 0;
  svg.setAttribute("role", "slider");
  svg.setAttribute("aria-valuemin", 1);
  svg.setAttribute("aria-valuemax", end + 1);
  show(null);
}
