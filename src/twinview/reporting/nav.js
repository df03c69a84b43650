"use strict";
// MLflow shows the page in a sandboxed frame, where links within the page do nothing without this script.
for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", () => document.querySelector(link.hash).scrollIntoView());
}
