"use strict";
// MLflow shows the page in a sandboxed frame, where links to places of the page do nothing by themselves.
for (const link of document.querySelectorAll("nav a")) {
  link.addEventListener("click", () => document.querySelector(link.hash).scrollIntoView());
}
