// Before anything is shown: the theme and the language that were chosen last time. A classic script, because
// modules run after the first picture.
"use strict";

try {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem("theme") ?? "auto";
  root.lang = localStorage.getItem("language") ?? root.lang;
} catch {
  // Storage may be forbidden: then the browser's wishes hold.
}
