// The keys of the page. Single letters work only with the focus on a message.

import { composing, isField } from "./dom.js"

/** Keys in the log: from message to message, and into a message's tools. */
export function logKeys(list, toolbar, composer) {
  list.addEventListener("keydown", (event) => {
    if (composing(event) || event.ctrlKey || event.metaKey || event.altKey || isField(event.target)) return
    const inBar = event.target.closest(".toolbar")
    const on = event.target.closest(".message")
    const done = inBar ? barKey(event, toolbar, on) : messageKey(event, list, toolbar, on, composer)
    if (done) event.preventDefault()
  })
}

function barKey(event, toolbar, article) {
  if (event.key === "ArrowRight") toolbar.walk(1)
  else if (event.key === "ArrowLeft") toolbar.walk(-1)
  else if (event.key === "Escape") article.focus()
  else return false
  return true
}

function messageKey(event, list, toolbar, on, composer) {
  // A link, a button or a block of code inside a message keeps its own keys.
  if (on && event.target !== on) return false
  const all = list.messages().filter((line) => line.dataset.seq && !line.hidden)
  const at = all.indexOf(on)
  const go = {
    ArrowUp: at < 0 ? all.length - 1 : Math.max(0, at - 1),
    ArrowDown: at < 0 ? all.length - 1 : Math.min(all.length - 1, at + 1),
    Home: 0,
    End: all.length - 1,
  }[event.key]
  if (go !== undefined && all[go]) {
    all[go].tabIndex = -1
    all[go].focus()
    return true
  }
  if (event.key === "Escape") {
    composer.focus()
    return true
  }
  if (!on) return false
  if (event.key === "Enter") {
    toolbar.enter(on)
    return true
  }
  const act = { r: "reply", e: "edit", p: "pin" }[event.key.toLowerCase()]
  return act ? toolbar.act(act, on) : false
}

/** Keys from anywhere: find a room, the next room, the next part of the page, the list of keys. */
export function pageKeys({ find, rooms = () => [], parts = () => [], list = null }) {
  addEventListener("keydown", (event) => {
    if (composing(event) || event.defaultPrevented) return
    const done = anywhere(event, find, rooms, parts, list)
    if (done) event.preventDefault()
  })
}

function anywhere(event, find, rooms, parts, list) {
  if (
    (event.ctrlKey || event.metaKey) &&
    !event.shiftKey &&
    !event.altKey &&
    event.key.toLowerCase() === "k"
  ) {
    find()
    return true
  }
  if (event.altKey && !event.ctrlKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    return wander(rooms(), event.key === "ArrowUp" ? -1 : 1, event.shiftKey)
  }
  if (event.key === "F6") return walk(parts(), event.shiftKey ? -1 : 1)
  if (event.key === "?" && list && !isField(event.target) && !document.querySelector("dialog[open]")) {
    list()
    return true
  }
  return false
}

function wander(links, by, unreadOnly) {
  const at = links.findIndex((link) => link.hasAttribute("aria-current"))
  for (let step = 1; step <= links.length; step += 1) {
    const link = links[(at + by * step + links.length * step) % links.length]
    if (link && !link.hasAttribute("aria-current") && (!unreadOnly || link.classList.contains("unread"))) {
      link.click()
      return true
    }
  }
  return true
}

function walk(parts, by) {
  const there = parts.filter((part) => part && part.offsetParent !== null)
  const at = there.findIndex((part) => part.contains(document.activeElement))
  const next = there[(at + by + there.length) % there.length]
  const focus = next?.matches("textarea, [tabindex]")
    ? next
    : next?.querySelector("[aria-current], textarea, [tabindex], a, button")
  focus?.focus()
  return Boolean(focus)
}
