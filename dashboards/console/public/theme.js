// Runs before the first paint, so that no theme flashes. A file of its own because the content
// security policy allows no inline script.
(() => {
  let theme = null;
  try {
    theme = localStorage.getItem('tidewaiter.theme');
  } catch {
    // Storage is refused: the system's preference holds.
  }
  if (theme !== 'light' && theme !== 'dark') {
    theme = matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
  }
  document.documentElement.dataset.theme = theme;
})();
