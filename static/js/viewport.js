// Where a keyboard on the screen covers the page instead of taking room from it, the page makes room itself.

export function followKeyboard() {
  const seen = window.visualViewport
  if (!seen) return
  const root = document.documentElement
  const fit = () => {
    // Pinching in is somebody looking closer, not a keyboard.
    if (seen.scale === 1 && innerHeight - seen.height > 80) {
      root.style.setProperty("--visible", `${seen.height}px`)
      scrollTo(0, 0)
    } else root.style.removeProperty("--visible")
  }
  seen.addEventListener("resize", fit)
}
