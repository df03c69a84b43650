// The map of embeddings is drawn on a canvas, since thousands of SVG nodes are slow on a phone.
(() => {
  const MARGIN = 14, RADIUS = 4, REACH = 24;
  const X = 0, Y = 1, ACTUAL = 2, PREDICTED = 3, NAME = 4;
  const data = JSON.parse(document.getElementById("points").textContent);
  const marks = data.marks.map(({ colour, path }) => ({ colour, path: new Path2D(path) }));
  const cross = new Path2D("M-1-1 1 1M-1 1 1-1");
  const disc = new Path2D("M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z");
  const section = document.getElementById("map");
  const canvas = section.querySelector("canvas"), brush = canvas.getContext("2d");
  const card = document.getElementById("card"), picture = card.querySelector(".sprite");
  const only = new Set(); // the classes to show; empty shows all
  let byError = false, onlyWrong = false, current = null;

  const isWrong = (point) => point[PREDICTED] !== null && point[ACTUAL] !== point[PREDICTED];
  const isRight = (point) => point[ACTUAL] === point[PREDICTED];
  const isShown = (point) =>
    (only.size === 0 || only.has(point[ACTUAL])) && (!onlyWrong || isWrong(point));
  const place = (point) => [X, Y].map(
    (axis) => MARGIN + (point[axis] / data.units) * (canvas.clientWidth - 2 * MARGIN));
  const distance = ([x, y], [u, v]) => Math.hypot(x - u, y - v);

  function stamp(point, colours, size) {
    const [x, y] = place(point);
    brush.save();
    brush.translate(x, y);
    brush.scale(size, size);
    if (!isShown(point)) {
      brush.fillStyle = colours.faded;
      brush.fill(disc);
    } else if (byError && isWrong(point)) {
      brush.strokeStyle = colours.wrong;
      brush.lineWidth = 0.6;
      brush.stroke(cross);
    } else if (byError && point[PREDICTED] === null) {
      brush.fillStyle = colours.faded; // without a label it is neither right nor wrong
      brush.fill(disc);
    } else {
      brush.fillStyle = byError ? colours.right : marks[point[ACTUAL]].colour;
      const path = byError ? disc : marks[point[ACTUAL]].path;
      brush.fill(path);
      brush.strokeStyle = colours.edge; // keeps pale colours and overlapping marks visible
      brush.lineWidth = 0.2;
      brush.stroke(path);
    }
    brush.restore();
  }

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const colours = Object.fromEntries(["faded", "right", "wrong", "ink", "edge"].map(
      (name) => [name, style.getPropertyValue(`--${name}`)]));
    const dots = window.devicePixelRatio || 1, side = canvas.clientWidth;
    const size = RADIUS * Math.min(1, Math.max(0.7, side / 700));
    canvas.width = canvas.height = Math.round(side * dots);
    brush.setTransform(dots, 0, 0, dots, 0, 0);
    const rank = (point) => 2 * isShown(point) + (byError && isWrong(point));
    for (const layer of [0, 1, 2, 3]) {
      for (const point of data.points) if (rank(point) === layer) stamp(point, colours, size);
    }
    if (current) {
      brush.strokeStyle = colours.ink;
      brush.lineWidth = 2;
      brush.beginPath();
      brush.arc(...place(current), size + 4, 0, 2 * Math.PI);
      brush.stroke();
      stamp(current, colours, size * 1.4);
    }
  }

  function show(point) {
    if (point === current) return;
    current = point;
    card.hidden = point === null;
    if (point) fillCard(point);
    draw();
  }

  function fillCard(point) {
    const [x, y] = place(point), side = canvas.clientWidth;
    const longest = Math.min(84, Math.round(side / 6)), edge = longest / 2 + 10;
    cut(picture, data.sprite, data.points.length, data.points.indexOf(point), longest);
    const verdict = isWrong(point) ? `✕ predicted ${data.classes[point[PREDICTED]]}` : "✓ predicted correctly";
    const verdicts = point[PREDICTED] === null ? [] : [verdict];
    card.querySelector(".text").textContent =
      [data.classes[point[ACTUAL]], ...verdicts, `test ${point[NAME]}`].join("\n");
    card.classList.toggle("wrong", isWrong(point));
    card.classList.toggle("before", x > side / 2);
    card.style.left = `${x}px`;
    card.style.top = `${Math.min(Math.max(y, edge), side - edge)}px`;
  }

  // Returns the visible point with the least cost, or null when every cost is infinite.
  function cheapest(cost) {
    let best = null, least = Infinity;
    for (const point of data.points) {
      const pointCost = isShown(point) ? cost(point) : Infinity;
      if (pointCost < least) [best, least] = [point, pointCost];
    }
    return best;
  }

  function pointAt(event) {
    const box = canvas.getBoundingClientRect();
    const here = [event.clientX - box.left - canvas.clientLeft, event.clientY - box.top - canvas.clientTop];
    return cheapest((point) => {
      const away = distance(place(point), here);
      return away <= REACH ? away : Infinity;
    });
  }

  // Returns the nearest point within 45 degrees of an arrow's direction.
  function step([dx, dy]) {
    const from = place(current);
    return cheapest((point) => {
      const [x, y] = place(point), along = (x - from[0]) * dx + (y - from[1]) * dy;
      const aside = Math.abs((x - from[0]) * dy) + Math.abs((y - from[1]) * dx);
      return along > 0 && aside <= along ? along + aside : Infinity;
    });
  }

  const middle = () => cheapest((p) => distance(p, [data.units / 2, data.units / 2]));
  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse") show(pointAt(event));
  });
  canvas.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") show(null);
  });
  canvas.addEventListener("click", (event) => show(pointAt(event)));
  canvas.addEventListener("focus", () => {
    if (canvas.matches(":focus-visible") && !current) show(middle());
  });
  canvas.addEventListener("blur", () => show(null));
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") show(null);
    if (!(event.key in ARROWS)) return;
    event.preventDefault();
    show(current ? step(ARROWS[event.key]) ?? current : middle());
  });

  const buttons = [...section.querySelectorAll("button[aria-pressed]")];
  const all = section.querySelector("button.all");
  function refresh() {
    for (const button of buttons) button.setAttribute("aria-pressed", only.has(Number(button.value)));
    all.disabled = only.size === 0;
    show(null);
    draw();
    count();
  }
  function count() {
    const shown = data.points.filter(isShown);
    section.querySelector(".count-wrong").textContent = shown.filter(isWrong).length;
    section.querySelector(".count-right").textContent = shown.filter(isRight).length;
  }
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const number = Number(button.value);
      if (!only.delete(number)) only.add(number);
      refresh();
    });
  }
  all.addEventListener("click", () => { only.clear(); refresh(); });
  for (const choice of section.querySelectorAll("input[name=colour]")) {
    choice.addEventListener("change", () => {
      byError = choice.value === "error";
      section.classList.toggle("by-error", byError);
      section.querySelector(".key").hidden = !byError;
      refresh();
    });
  }
  section.querySelector("input[name=mistakes]").addEventListener("change", (event) => {
    onlyWrong = event.target.checked;
    refresh();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(draw).observe(canvas);
  refresh();
})();
