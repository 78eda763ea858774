// Runs before the first paint: the colours that the visitor chose by hand on an earlier page, so that nothing flashes.
try {
  const chosen = localStorage.getItem("theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is refused: the system's colours it is.
}
