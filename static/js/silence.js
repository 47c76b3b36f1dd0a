// Why you cannot post just now. The composer says it; what you have typed stays there.

import { end } from "./time.js"

const RULERS = new Set(["moderator", "owner", "admin"])

/** Hears what is said of you and of the room, and tells the composer whether words may be sent. */
export class Silence {
  #composer
  #you
  #muted = null // {until, by, reason}
  #voiced = false
  #switches = {}
  #closing = { by: "", reason: "" }
  #over = 0
  #again = 0
  #spoke

  /** `spoke()` gives when you said your last message here, or "". */
  constructor(composer, you, spoke = () => "") {
    this.#composer = composer
    this.#you = you
    this.#spoke = spoke
  }

  /** How the room is set: who may post, and how often. */
  get switches() {
    return this.#switches
  }

  greeted({ you, room }) {
    const known = this.#muted?.until === you.muted_until ? this.#muted : {}
    this.#muted = you.muted_until ? { ...known, until: you.muted_until, reason: you.muted_reason ?? "" } : null
    this.#voiced = Boolean(you.voiced)
    this.#switches = { ...room.switches }
    this.#rest(this.#spoke())
    this.look()
  }

  /** Too fast, says the server: words may be sent again at `until`. */
  pause(until) {
    this.#again = Math.max(this.#again, until)
    this.look()
  }

  /** An entry of the log; most of them are none of this. */
  hear(entry) {
    const mine = entry.user?.id === this.#you.id
    if (entry.type === "muted" && mine)
      this.#muted = { until: entry.until, by: entry.by.name, reason: entry.reason ?? "" }
    else if (entry.type === "unmuted" && mine) this.#muted = null
    else if (entry.type === "role" && mine) this.#voiced = entry.voiced ?? this.#voiced
    else if (entry.type === "settings" && entry.changed?.switches) {
      Object.assign(this.#switches, entry.changed.switches)
      if (entry.changed.switches.locked) this.#closing = { by: entry.by.name, reason: entry.reason ?? "" }
      if ("slow_mode" in entry.changed.switches) {
        this.#again = 0
        this.#rest(this.#spoke())
      }
    } else if (entry.type === "message" && entry.by.id === this.#you.id) this.#rest(entry.at)
    else return
    this.look()
  }

  /** In slow mode one waits after each message. A clock that goes wrong makes no wait longer. */
  #rest(at) {
    const pause = (this.#switches.slow_mode ?? 0) * 1_000
    if (!pause || !at || RULERS.has(this.#you.role)) return
    this.#again = Math.max(this.#again, Math.min(new Date(at).getTime(), Date.now()) + pause)
  }

  /** Say how it stands now. */
  look() {
    clearTimeout(this.#over)
    const rest = this.#muted ? new Date(this.#muted.until) - Date.now() : 0
    const waits = [rest, this.#again - Date.now()].filter((wait) => wait > 0)
    if (waits.length) this.#over = setTimeout(() => this.look(), Math.min(...waits, 2 ** 31 - 1))
    const why = this.#why(rest)
    if (why) this.#composer.forbid(why)
    else this.#composer.allow()
  }

  #why(rest) {
    const { archived, locked, moderated } = this.#switches
    if (archived)
      return {
        words: "This room is archived.",
        soft: "It can be read, and nobody posts here. Commands still work.",
        // Who could open it again has to be able to type that.
        open: RULERS.has(this.#you.role),
      }
    if (rest > 0 && this.#you.role !== "admin") {
      const { by, reason, until } = this.#muted
      return {
        words: `Muted${by ? ` by ${by}` : ""} until ${end(until)}.`,
        soft: `${quoted(reason)}You can still read and use commands, and your draft is kept.`,
        until,
      }
    }
    const closed = RULERS.has(this.#you.role) ? null : this.#closed(locked, moderated)
    if (closed || this.#again <= Date.now()) return closed
    return {
      words: this.#switches.slow_mode ? "Slow mode: the next message in" : "That was too fast. The next message in",
      soft: "You can go on writing.",
      until: this.#again,
      open: true,
    }
  }

  #closed(locked, moderated) {
    if (locked)
      return {
        words: `Locked${this.#closing.by ? ` by ${this.#closing.by}` : ""}: only moderators post.`,
        soft: `${quoted(this.#closing.reason)}You can still read and use commands, and your draft is kept.`,
      }
    if (moderated && !this.#voiced)
      return {
        words: "Only those with a voice post here.",
        soft: "A moderator can give you one. Until then you can use commands, and your draft is kept.",
      }
    return null
  }
}

function quoted(reason) {
  return reason ? `“${reason}” ` : ""
}
