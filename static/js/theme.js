// As the system, light or dark: one cookie, so that the server draws the next page right from its first pixel.

export function follow(root = document) {
  for (const form of root.querySelectorAll(".theme-form")) {
    form.addEventListener("change", (event) => set(event.target.value))
    form.addEventListener("submit", (event) => event.preventDefault())
  }
}

function set(theme) {
  const secure = location.protocol === "https:" ? "; secure" : ""
  document.cookie = `aiochat_theme=${theme}; path=/; max-age=31536000; samesite=lax${secure}`
  if (theme === "auto") delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}
