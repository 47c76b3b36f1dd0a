// Small helpers for markup that the server has sent.

/** A fresh copy of the one element inside a <template>. */
export function clone(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true)
}

/** An element with a class and text; people's words enter here, as text. */
export function element(name, className = "", text = "") {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text) made.textContent = text
  return made
}

/** What a child is known by among the others, however it is redrawn. */
function keyOf(child) {
  const name = child.dataset.id ?? child.getAttribute("aria-labelledby") ?? (child.id || child.className)
  return `${child.localName} ${name}`
}

/** Draw the children of an element anew, and leave alone those that stay as they are: somebody may be pressing one. */
export function renew(parent, fresh) {
  const keys = new Set(fresh.map(keyOf))
  for (const child of [...parent.children]) if (!keys.has(keyOf(child))) child.remove()
  const standing = new Map([...parent.children].map((child) => [keyOf(child), child]))
  let next = parent.firstElementChild
  for (const child of fresh) {
    const old = standing.get(keyOf(child))
    if (old && old === next) next = next.nextElementSibling
    else parent.insertBefore(old ?? child, next)
    if (!old || old.isEqualNode(child)) continue
    if (old.localName === "ul") renew(old, [...child.children])
    else old.replaceWith(child)
  }
}

/** A number nobody else will draw, also where the page is not served over https. */
export function nonce() {
  if (crypto.randomUUID) return crypto.randomUUID()
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
}

/** Put a text on the clipboard, also where the page is not served over https. Says whether it worked. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const field = element("textarea", "unseen")
    field.value = text
    document.body.append(field)
    field.select()
    const done = document.execCommand("copy")
    field.remove()
    return done
  }
}

/** Something kept in this browser. Where storage is off or full, it is kept until the page goes. */
export const keep = {
  get(key) {
    try {
      return localStorage.getItem(key)
    } catch {
      return null
    }
  },
  set(key, value) {
    try {
      localStorage.setItem(key, value)
    } catch {
      // Private windows and full disks: the page goes on without.
    }
  },
  remove(key) {
    try {
      localStorage.removeItem(key)
    } catch {
      // As above.
    }
  },
  keys(prefix) {
    try {
      return Object.keys(localStorage).filter((key) => key.startsWith(prefix))
    } catch {
      return []
    }
  },
}

/** Whether the typed key belongs to an input method that is still composing a word. */
export function composing(event) {
  return event.isComposing || event.keyCode === 229
}

/** Whether somebody is writing there. */
export function isField(target) {
  return (
    target instanceof HTMLElement && (target.matches("input, textarea, select") || target.isContentEditable)
  )
}

/** 1,284 */
export function counted(number) {
  return number.toLocaleString("en-GB")
}

/** "1 message", "7 messages" */
export function plural(count, one, many) {
  return `${counted(count)} ${count === 1 ? one : many}`
}
