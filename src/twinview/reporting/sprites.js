"use strict";
// Shows picture `number` of a sprite as the background of an element, `longest` pixels at most.
function cut(element, { columns, width, height }, total, number, longest) {
  const zoom = longest / Math.max(width, height), rows = Math.ceil(total / columns);
  const left = (number % columns) * width, top = Math.floor(number / columns) * height;
  element.style.width = `${width * zoom}px`;
  element.style.height = `${height * zoom}px`;
  element.style.backgroundSize = `${columns * width * zoom}px ${rows * height * zoom}px`;
  element.style.backgroundPosition = `${-left * zoom}px ${-top * zoom}px`;
}
