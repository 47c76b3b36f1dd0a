// A small menu at a button: by pointer, by touch, and by the arrows. It is made when asked for, and gone after.

import { element } from "./dom.js"

const GAP = 4
let open = null

/**
 * Show `groups` of items {words, does, danger?} beside `anchor`. `back()` gives the element that takes the focus when
 * the menu goes without anything chosen; `gone()` is told in any case.
 */
export function popup(anchor, label, groups, { back = () => anchor, gone = () => {} } = {}) {
  open?.()
  const menu = element("div", "popup")
  menu.setAttribute("role", "menu")
  menu.setAttribute("aria-label", label)
  for (const items of groups.filter((group) => group.length)) {
    if (menu.children.length) menu.append(rule())
    menu.append(...items.map((item) => row(item, close)))
  }
  // A modal sheet leaves everything outside of it without effect.
  const home = anchor.closest("dialog") ?? document.body
  home.append(menu)
  place(menu, anchor)
  anchor.setAttribute("aria-expanded", "true")
  menu.firstElementChild.focus()

  menu.addEventListener("keydown", (event) => keydown(event, menu, close))
  document.addEventListener("pointerdown", outside, true)
  addEventListener("resize", close)
  document.addEventListener("scroll", scrolled, true)
  menu.addEventListener("focusout", left)
  open = close

  function close(refocus = false) {
    if (open !== close) return
    open = null
    document.removeEventListener("pointerdown", outside, true)
    removeEventListener("resize", close)
    document.removeEventListener("scroll", scrolled, true)
    menu.removeEventListener("focusout", left)
    menu.remove()
    anchor.removeAttribute("aria-expanded")
    // What is shown only as long as this is open can take the focus only now.
    if (refocus === true) back()?.focus()
    gone()
  }

  function outside(event) {
    if (!menu.contains(event.target)) close()
  }

  /** The menu goes along with its button, as long as that is in sight. */
  function scrolled({ target }) {
    if (!target.contains(anchor)) return
    if (isInSight(anchor, target)) place(menu, anchor)
    else close()
  }

  function left(event) {
    if (event.relatedTarget && !menu.contains(event.relatedTarget)) close()
  }
}

function row({ words, does, danger }, close) {
  const button = element("button", danger ? "danger" : "", words)
  button.type = "button"
  button.tabIndex = -1
  button.setAttribute("role", "menuitem")
  button.addEventListener("click", () => {
    close(true)
    does()
  })
  return button
}

function rule() {
  const line = element("div", "rule")
  line.setAttribute("role", "separator")
  return line
}

/** Below the button, or above it where there is no room; never out of the window. */
function place(menu, anchor) {
  const at = anchor.getBoundingClientRect()
  const { offsetWidth: width, offsetHeight: height } = menu
  const below = at.bottom + GAP
  const top = below + height <= innerHeight ? below : Math.max(GAP, at.top - GAP - height)
  menu.style.top = `${top}px`
  menu.style.left = `${Math.max(GAP, Math.min(at.left, innerWidth - width - GAP))}px`
}

function isInSight(anchor, scroller) {
  const at = anchor.getBoundingClientRect()
  const { top, bottom } = scroller === document ? { top: 0, bottom: innerHeight } : scroller.getBoundingClientRect()
  return at.bottom > top && at.top < bottom
}

function keydown(event, menu, close) {
  const rows = [...menu.querySelectorAll("[role=menuitem]")]
  const at = rows.indexOf(document.activeElement)
  const to = {
    ArrowDown: (at + 1) % rows.length,
    ArrowUp: (at - 1 + rows.length) % rows.length,
    Home: 0,
    End: rows.length - 1,
  }[event.key]
  if (to !== undefined) rows[to].focus()
  else if (event.key === "Escape" || event.key === "Tab") close(true)
  else if (/^\p{L}$/u.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const round = [...rows.slice(at + 1), ...rows.slice(0, at + 1)]
    round.find((one) => one.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus()
  } else return
  event.preventDefault()
  event.stopPropagation()
}
