// What this browser tells of rooms while nobody looks: by one tab alone, as loud as you wished, room by room.

import { end } from "./time.js"

const LEADS = "aiochat:notifier"
const LOOKS = "aiochat:looking"
const LONGEST_WAIT = 2 ** 31 - 1
const USUAL = "mentions"
const LONGEST = 120

/** What of a wish holds now: `all`, `mentions` or `none`. */
function levelOf({ level = USUAL, until, then } = {}, now = Date.now()) {
  return until && new Date(until) <= now ? then || USUAL : level
}

/** What a notification says of a message: one line, and never what a spoiler hides. */
function lineOf(entry) {
  const parts = entry.parts ?? [{ t: "text", s: entry.text ?? "" }]
  const words = parts.map((part) => (part.t === "spoiler" ? "(spoiler)" : part.s)).join(" ")
  const line = words.replace(/\s+/g, " ").trim()
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line
}

/** Of all tabs of this browser the first one tells, and only while none of them is looked at. */
class Speaker {
  #leads = false
  #away = null

  constructor() {
    if (!this.isAble) return
    navigator.locks.request(LEADS, () => {
      this.#leads = true
      // Held until the page goes; the next tab leads then.
      return new Promise(() => {})
    })
    document.addEventListener("visibilitychange", () => this.#look())
    this.#look()
  }

  get isAble() {
    return "Notification" in window && "locks" in navigator
  }

  #look() {
    if (document.hidden) {
      this.#away?.()
      this.#away = null
    } else if (!this.#away) {
      // Also where one looks away before the lock is there.
      const looking = new Promise((resolve) => (this.#away = resolve))
      navigator.locks.request(LOOKS, { mode: "shared" }, () => looking)
    }
  }

  async say(title, body, tag) {
    if (!this.#leads || !document.hidden || Notification.permission !== "granted") return
    const { held } = await navigator.locks.query()
    if (held.some((lock) => lock.name === LOOKS)) return
    try {
      const shown = new Notification(title, { body, tag })
      shown.addEventListener("click", () => {
        focus()
        shown.close()
      })
    } catch {
      // Browsers of phones have the name and not the thing.
    }
  }
}

export class Notices {
  #room
  #button
  #dialog
  #wish = {}
  #quiet = false
  #next = 0
  #speaker = new Speaker()

  /** `room` is the page's; `type(text)` sends a line as if typed. */
  constructor(room, type) {
    this.#room = room
    this.#button = room.page.querySelector("[data-notify]")
    this.#dialog = document.getElementById("notify")
    this.#button.addEventListener("click", () => {
      this.#draw()
      this.#dialog.showModal()
    })
    this.#dialog.addEventListener("click", (event) => event.target === this.#dialog && this.#dialog.close())
    this.#dialog.addEventListener("change", (event) => {
      if (event.target.name !== "level") return
      type(`/notify ${event.target.value}`)
      this.#dialog.close()
    })
    this.#dialog.querySelector("[data-allow]").addEventListener("click", async () => {
      await Notification.requestPermission()
      this.#draw()
    })
  }

  /** While you are not to be disturbed nothing is told. */
  quiet(yes) {
    this.#quiet = yes
  }

  greeted({ you }) {
    this.heard({ room: this.#room.slug, ...you.notify })
  }

  /** A `notify` frame: of this room or of another. */
  heard({ room, ...wish }) {
    if (room === this.#room.slug) {
      this.#wish = wish
      this.#hold()
    }
    this.#room.index.wishes(room, levelOf(wish))
  }

  /** Somebody else's message in this room; `meant` is whether it means you. */
  message(entry, meant) {
    const level = levelOf(this.#wish)
    const direct = this.#room.index.isDirect(this.#room.slug)
    if (this.#quiet || level === "none" || (level === USUAL && !meant && !direct)) return
    const name = direct ? entry.by.name : `${entry.by.name} in #${this.#room.slug}`
    this.#speaker.say(name, lineOf(entry), this.#room.slug)
  }

  /** Where another room stands; `before` is where it stood. */
  elsewhere({ room, count, mentions }, before) {
    const level = this.#room.index.level(room)
    const name = this.#room.index.name(room)
    if (this.#quiet || level === "none") return
    if (this.#room.index.isDirect(room)) {
      if (count > before.count) this.#speaker.say(name, "wrote to you", room)
    } else if (mentions > before.mentions) this.#speaker.say(`#${room}`, "You are mentioned", room)
    else if (level === "all" && count > before.count) this.#speaker.say(`#${room}`, "Something new", room)
  }

  #hold() {
    clearTimeout(this.#next)
    const level = levelOf(this.#wish)
    const { until } = this.#wish
    if (until && new Date(until) > Date.now()) {
      const wait = Math.min(new Date(until) - Date.now() + 1, LONGEST_WAIT)
      this.#next = setTimeout(() => this.heard({ room: this.#room.slug, ...this.#wish }), wait)
    }
    this.#button.dataset.notify = level
    const says = { all: "every message", mentions: "what means you", none: "nothing" }[level]
    this.#button.setAttribute("aria-label", `Notifications: ${says}`)
    this.#room.title.hush(level === "none")
    if (this.#dialog.open) this.#draw()
  }

  #draw() {
    const level = levelOf(this.#wish)
    for (const choice of this.#dialog.querySelectorAll("[name=level]")) choice.checked = choice.value === level
    const { until } = this.#wish
    const ends = until && new Date(until) > Date.now() ? `Until ${end(until)}, then as before.` : ""
    this.#dialog.querySelector(".until").textContent = ends
    const here = this.#speaker.isAble ? Notification.permission : "denied"
    this.#dialog.querySelector("[data-allow]").hidden = here !== "default"
    this.#dialog.querySelector(".device").textContent = {
      granted: "This browser notifies you while you look elsewhere.",
      denied: this.#speaker.isAble
        ? "This browser is told not to notify you; its own settings change that."
        : "This browser cannot notify you here; the title and the list of rooms count.",
      default: "This browser does not notify you yet.",
    }[here]
  }
}
