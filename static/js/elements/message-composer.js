// Your next line. Nothing empties it but its own success.

import { composing, counted, element } from "../dom.js"
import { left } from "../time.js"

// A day on, a clock says less than a date does.
const LONGEST = 24 * 3600_000

export class MessageComposer extends HTMLElement {
  #mode = null // {kind: "reply" | "edit" | "command", said, seq?, kept?}
  #typed = 0
  #clock = 0
  #waits = "" // "closed": only commands go out. "paused": words do again soon.

  connectedCallback() {
    this.addEventListener("submit", this.#submit)
    this.addEventListener("keydown", this.#keydown)
    this.addEventListener("beforeinput", this.#beforeinput)
    this.addEventListener("input", this.#input)
    this.querySelector(".bound").addEventListener("click", this.#bound)
    this.grow()
  }

  disconnectedCallback() {
    clearInterval(this.#clock)
    this.removeEventListener("submit", this.#submit)
    this.removeEventListener("keydown", this.#keydown)
    this.removeEventListener("beforeinput", this.#beforeinput)
    this.removeEventListener("input", this.#input)
  }

  get field() {
    return this.querySelector("textarea")
  }

  get text() {
    return this.field.value
  }

  /** Put words in, the caret behind them. */
  set text(text) {
    this.field.value = text
    this.field.setSelectionRange(text.length, text.length)
    this.grow()
  }

  get menu() {
    return this.querySelector("command-menu")
  }

  focus() {
    this.field.focus()
  }

  /** Whether what stands there is a command, and so no words. */
  get isCommand() {
    return /^\/[^/]/.test(this.text) || this.text === "/"
  }

  /** The text to keep for the next visit: never half an edit. */
  get draft() {
    return this.#mode?.kept ?? this.text
  }

  /** Give words back: they take the place if it is free. Says whether they did. */
  giveBack(text) {
    if (this.text.trim() || this.#mode) return false
    this.text = text
    this.#tell("composer:changed", { text })
    return true
  }

  insert(text) {
    const { selectionStart: start, selectionEnd: end } = this.field
    const before = this.text.slice(0, start)
    const gap = before && !/\s$/.test(before) ? " " : ""
    this.field.setRangeText(gap + text, start, end, "end")
    this.field.focus()
    this.#changed()
  }

  /**
   * Words cannot be sent until it is allowed again, commands can: `words` why, `soft` what all the same, `until` when.
   * Where it is `open` the field looks as ever.
   */
  forbid({ words, soft, until, open = false }) {
    const why = this.querySelector(".reason")
    const said = `${words}\n${soft}`
    clearInterval(this.#clock)
    const counts = until && new Date(until) - Date.now() < LONGEST ? until : ""
    if (counts) this.#clock = setInterval(() => this.#countDown(counts), 1_000)
    this.#countDown(counts)
    if (why.dataset.said === said) return
    why.dataset.said = said
    why.querySelector("b").textContent = words
    why.querySelector(".soft").textContent = soft
    why.hidden = false
    this.#waits = open && until ? "paused" : "closed"
    this.querySelector(".composer").classList.toggle("cannot", !open)
    this.field.setAttribute("aria-describedby", why.id)
  }

  allow() {
    const why = this.querySelector(".reason")
    clearInterval(this.#clock)
    if (why.hidden) return
    why.hidden = true
    this.#waits = ""
    delete why.dataset.said
    this.querySelector(".composer").classList.remove("cannot")
    this.field.removeAttribute("aria-describedby")
    if (this.#refused) this.#remind()
  }

  reply(seq, name, gist) {
    this.#leave()
    this.#mode = { kind: "reply", seq, said: `Reply to ${name}: ${gist}` }
    this.#remind()
    this.focus()
  }

  edit(seq, text) {
    this.#leave()
    this.#mode = { kind: "edit", seq, kept: this.text, was: text, said: "Your message, to be changed." }
    this.text = text
    this.#remind()
    this.focus()
  }

  /** Lay a command ready, to be finished and sent; what was being written waits until then. */
  prepare(line) {
    this.#leave()
    const kept = this.text
    if (kept) this.#mode = { kind: "command", kept, said: "What you were writing waits, and comes back." }
    this.text = line
    this.#remind()
    this.focus()
    this.#changed()
    this.menu.look()
  }

  grow() {
    const { field } = this
    field.classList.toggle("as-command", this.isCommand)
    if (CSS.supports("field-sizing", "content")) return
    field.style.blockSize = "auto"
    field.style.blockSize = `${field.scrollHeight}px`
  }

  #countDown(until) {
    this.querySelector(".reason .left").textContent = until ? left(new Date(until) - Date.now()) : ""
  }

  #submit = (event) => {
    event.preventDefault()
    const text = this.text.trim()
    const over = this.#over(text)
    if (!text || over) return this.focus()
    const mode = this.#mode
    if (this.#waits && !this.isCommand && !(this.#waits === "paused" && mode?.kind === "edit")) return this.#refuse()
    if (mode?.kind === "edit") {
      if (text !== mode.was) this.#tell("composer:edit", { target: mode.seq, text })
      return this.#leave()
    }
    this.#mode = null
    this.#remind()
    this.text = mode?.kept ?? ""
    this.menu.close()
    this.#tell("composer:say", { text, ...(mode?.seq ? { reply_to: mode.seq } : {}) })
    return this.#tell("composer:changed", { text: this.text })
  }

  #keydown = (event) => {
    if (event.target !== this.field || composing(event) || event.defaultPrevented) return
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault()
      this.querySelector("form").requestSubmit()
    } else if (event.key === "ArrowUp" && !this.text && !this.#mode) {
      event.preventDefault()
      this.#tell("composer:editlast")
    } else if (event.key === "Escape" && this.#mode) {
      event.preventDefault()
      this.#leave()
    }
  }

  /** Before words that cannot be sent, a slash is the beginning of a line of its own. */
  #beforeinput = (event) => {
    if (this.#waits !== "closed" || this.#mode || this.isCommand || !this.text.trim()) return
    if (event.data !== "/" || this.field.selectionStart > 0) return
    event.preventDefault()
    this.prepare("/")
  }

  #input = () => this.#changed()

  #changed() {
    this.grow()
    const over = this.#over(this.text)
    if (over || this.querySelector(".bound.over")) this.#count(over)
    else if (this.#refused) this.#remind()
    this.#tell("composer:changed", { text: this.draft })
    if (this.text && !this.isCommand && !this.#mode && this.#waits !== "closed" && Date.now() - this.#typed >= 3_000) {
      this.#typed = Date.now()
      this.#tell("composer:typing")
    }
  }

  /** By how many characters a text is too long; 0 where it fits. */
  #over(text) {
    return Math.max(0, [...text].length - Number(this.dataset.limit))
  }

  #count(over) {
    const bound = this.querySelector(".bound")
    if (over) {
      const limit = Number(this.dataset.limit)
      this.#say(
        `${counted(limit + over)} of at most ${counted(limit)} characters. Nothing is sent until it fits.`,
      )
    } else this.#remind()
    bound.classList.toggle("over", over > 0)
  }

  /** Leave a reply or an edit; what was written before an edit comes back. */
  #leave() {
    const mode = this.#mode
    this.#mode = null
    this.#remind()
    if (mode?.kept !== undefined) this.text = mode.kept
    this.#tell("composer:changed", { text: this.text })
  }

  /** Words that cannot go out stay; what can goes out. */
  #refuse() {
    this.focus()
    if (this.#waits === "paused") this.#say("Not sent yet: it stays here. Enter sends it when the time is over.")
    else this.#say("Not sent: it stays here. Until you may post again only commands go out.", ["Type a command", "command"])
    this.querySelector(".bound").classList.add("refused")
  }

  get #refused() {
    return this.querySelector(".bound.refused") !== null
  }

  /** Say what is being done here: a reply, an edit, or nothing out of the ordinary. */
  #remind() {
    this.#say(this.#mode?.said ?? "", ["Leave it", "leave"])
  }

  #say(words, [label, does] = []) {
    const bound = this.querySelector(".bound")
    bound.hidden = !words
    bound.classList.remove("over", "refused")
    bound.replaceChildren(element("span", "", words))
    if (words && label) {
      const button = element("button", "text-button", label)
      button.type = "button"
      button.dataset.does = does
      bound.append(button)
    }
  }

  #bound = (event) => {
    const does = event.target.closest("button")?.dataset.does
    if (!does) return
    if (does === "command") return this.prepare("/")
    this.#leave()
    this.focus()
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))
  }
}

customElements.define("message-composer", MessageComposer)
