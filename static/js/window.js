// The window on the log: where it opens, how it grows at both ends, when it is fetched again.

import { reveal } from "./arrange.js"
import { plural } from "./dom.js"

const NEAR_TOP = 300

export function windowOf(room, history) {
  const { page, list } = room
  const toLatest = page.querySelector(".to-latest")
  let late = []
  // What is said while a part of the log is on its way, as the answer may be older.
  let heard = []
  let fetching = 0

  /** A part of the log, and what was said while it was on its way. */
  async function asked(answer) {
    fetching += 1
    const told = await answer
    fetching -= 1
    const meanwhile = heard
    if (!fetching) heard = []
    return [told, meanwhile]
  }

  const self = {
    /** Whether newer messages lie between what is drawn and the end. */
    get away() {
      return history.newer
    },

    /** Where a visit begins: at the linked message, at the first unread one, at the end. Says whether it was linked. */
    open() {
      list.scroll.more = history.newer
      const linked = linkedLine()
      const fresh = list.querySelector(".fresh")
      if (linked) {
        reveal(linked)
        list.scroll.show(linked)
        linked.classList.add("linked")
        linked.tabIndex = -1
        linked.focus({ preventScroll: true })
      } else if (fresh) list.scroll.show(fresh)
      else list.scroll.toEnd()
      grow()
      button()
      return Boolean(linked)
    },

    /** A numbered entry from the line. */
    hear(entry) {
      if (fetching) heard.push(entry)
      if (!history.newer) return list.apply(entry)
      // What is already drawn may change; what is new waits until the window has reached it.
      list.amend(entry)
      if (entry.type === "cleared") return self.reload()
      late.push(entry)
      return null
    },

    /** The end of the log afresh; whatever was typed or waits stays. Gives the number it reaches, null if it cannot. */
    async reload() {
      const [page, meanwhile] = await asked(history.latest())
      if (!page) return null
      late = []
      list.scroll.more = false
      list.reset(page.entries)
      list.querySelector(".newer")?.remove()
      older()
      const last = Math.max(page.head ?? 0, list.last)
      for (const entry of meanwhile) if (entry.seq > last) list.apply(entry)
      button()
      return last
    },

    below({ unseen, meant }) {
      const words = unseen ? `${unseen} new${meant ? `, ${meant} for you` : ""}` : "To latest"
      toLatest.querySelector(".what").textContent = words
      toLatest.setAttribute(
        "aria-label",
        unseen
          ? `To latest: ${plural(unseen, "new message", "new messages")}${meant ? `, ${meant} for you` : ""}`
          : "To latest",
      )
      room.title.here(unseen)
      button()
    },

    cleared() {
      history.older = false
      older()
    },

    async toLatest() {
      if (history.newer) await self.reload()
      list.unfresh()
      list.scroll.toEnd()
    },
  }

  /** What the address leads to: `#m7`; or `?at=7`, as commands name it, and where 7 has no line the next that has. */
  function linkedLine() {
    const seq = /^#m(\d+)$/.exec(location.hash)?.[1]
    const at = Number(new URLSearchParams(location.search).get("at"))
    return (seq && list.line(seq)) || (at && list.from(at))
  }

  function older() {
    if (!history.older) list.querySelector(".older")?.remove()
  }

  function button() {
    toLatest.hidden = list.scroll.atEnd
  }

  async function grow() {
    if (list.scrollTop < NEAR_TOP && history.older && list.first) {
      const [entries, meanwhile] = await asked(history.before(list.first))
      // Cleared since it was asked for: nothing of it is there any more.
      if (entries && meanwhile.some(({ type }) => type === "cleared")) self.cleared()
      else if (entries) {
        list.prepend(entries)
        for (const entry of meanwhile) list.amend(entry)
        const rule = list.querySelector(".fresh")
        if (rule) list.fresh(Number(rule.dataset.after ?? page.dataset.read))
        older()
        if (entries.length) grow()
      }
    } else if (history.newer && list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_TOP) {
      const [entries, meanwhile] = await asked(history.after(list.last))
      if (!entries) return
      list.extend(entries)
      for (const entry of meanwhile) list.amend(entry)
      if (history.newer) return grow()
      list.querySelector(".newer")?.remove()
      const known = list.last
      for (const entry of late) if (entry.seq > known) list.apply(entry)
      late = []
      list.scroll.more = false
      button()
    }
  }

  list.addEventListener("scroll", grow, { passive: true })
  list.addEventListener("log:end", button)
  list.addEventListener("log:cleared", self.cleared)
  toLatest.addEventListener("click", async () => {
    await self.toLatest()
    room.composer.focus()
  })
  return self
}
