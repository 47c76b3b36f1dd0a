// The log on the page. What happened comes in as entries; what a reader wants goes out as events.

import { arrange, reveal } from "../arrange.js"
import { clone } from "../dom.js"
import * as events from "../events.js"
import { bury, build, fillQuote, head, heading, speak } from "../message.js"
import { Scroll } from "../scroll.js"
import { localise } from "../time.js"
import { hasNewer, offer, whose, withdraw } from "../undo.js"

export class MessageList extends HTMLElement {
  /** Given by the page before anything more is drawn, see settle(). */
  room = { you: { id: 0, name: "" }, slug: "", roleOf: () => "", ignores: () => false }
  #scroll = null
  #spoke = new Map()

  connectedCallback() {
    this.#scroll = new Scroll(this)
    this.room.find = (seq) => this.line(seq)
    localise(this)
    for (const message of this.querySelectorAll(".message")) this.#heard(message)
    arrange(this.#spine)
    this.addEventListener("click", this.#click)
    this.addEventListener("log:end", this.#away)
  }

  disconnectedCallback() {
    this.removeEventListener("click", this.#click)
    this.removeEventListener("log:end", this.#away)
  }

  /** Who reads here, and where: you, slug, roleOf and ignores. What the server drew is measured by it. */
  settle(room) {
    Object.assign(this.room, room)
    this.#retime()
    this.#takeBack()
  }

  get scroll() {
    return this.#scroll
  }

  /** The lowest and the highest number drawn; 0 where nothing is. */
  get first() {
    return Number(this.querySelector("[data-seq]")?.dataset.seq ?? 0)
  }

  get last() {
    return Number([...this.querySelectorAll("[data-seq]")].at(-1)?.dataset.seq ?? 0)
  }

  line(seq) {
    return this.querySelector(`#m${Number(seq)}`)
  }

  /** The first line from a number on. */
  from(seq) {
    return [...this.querySelectorAll("[data-seq]")].find((line) => Number(line.dataset.seq) >= seq)
  }

  messages() {
    return [...this.querySelectorAll(".message")]
  }

  /** When each account last spoke, as far as the page knows. */
  get spoke() {
    return this.#spoke
  }

  /** When somebody said their last message that is drawn and numbered, or "". */
  lastOf(id) {
    return [...this.querySelectorAll(`.message[data-seq][data-by="${Number(id)}"]`)].at(-1)?.dataset.at ?? ""
  }

  /** One entry more at the end, or a change of what stands already. Gives the line it drew or changed, if any. */
  apply(entry) {
    const changed = this.amend(entry)
    switch (entry.type) {
      case "edited":
      case "removed":
        return changed
      case "undone":
        return this.#append(entry, () => this.#takeBack())
      case "cleared":
        return this.#clear(entry)
      default:
        return this.#append(entry)
    }
  }

  /** What an entry changes of what stands already; it gets no line of its own. Gives the message of an edit or removal. */
  amend(entry) {
    switch (entry.type) {
      case "edited":
        return this.#change(entry.target, (article) =>
          entry.gone ? bury(article) : speak(article, { ...entry, edited: true }, this.room),
        )
      case "removed":
        return this.#change(entry.target, (article) => bury(article, entry.by.name))
      case "purged":
        for (const target of entry.targets ?? [])
          this.#change(target, (article) => bury(article, entry.by.name))
        return null
      case "undone":
        if (entry.message && entry.parts)
          this.#change(entry.message, (article) => speak(article, entry, this.room))
        return null
      default:
        return null
    }
  }

  /** An older page above what is there; the eye stays where it is. */
  prepend(entries) {
    this.setAttribute("aria-live", "off")
    this.#scroll.hold(() => {
      const lines = entries.map((entry) => this.#draw(entry)).filter(Boolean)
      const top = this.querySelector(".older")
      if (top) top.after(...lines)
      else this.#spine.prepend(...lines)
      this.#takeBack()
      arrange(this.#spine)
    })
    this.#away()
  }

  /** The next page below what is there, while away from the latest. */
  extend(entries) {
    for (const entry of entries) this.#append(entry)
    this.#takeBack()
  }

  /** Another window altogether. What only you see, and what waits to go out, stays, below what was said. */
  reset(entries) {
    this.setAttribute("aria-busy", "true")
    for (const line of this.querySelectorAll(".line:not(.notice, [data-nonce], .older)")) line.remove()
    for (const entry of entries) {
      const line = this.#draw(entry)
      if (!line) continue
      if (entry.nonce) this.pending(entry.nonce)?.remove()
      this.#spine.insertBefore(line, this.#tail)
    }
    for (const line of this.querySelectorAll(".notice:not(#first-steps)")) this.#spine.insertBefore(line, this.#tail)
    this.#takeBack()
    arrange(this.#spine)
    this.removeAttribute("aria-busy")
    this.#scroll.toEnd()
  }

  /** Your own words at once, before anybody else has them. */
  pend(item, quiet = false) {
    const by = { id: this.room.you.id, name: this.room.you.name }
    const article = build({ at: item.at, by, text: item.text, reply_to: item.reply_to }, this.room)
    article.dataset.nonce = item.nonce
    this.#spine.append(article)
    arrange(this.#spine, article)
    this.status(item)
    if (quiet) this.#scroll.below(() => {})
    else this.#scroll.toEnd()
    return article
  }

  /** How it stands with a line of yours: sending, waiting or failed (with a sentence). */
  status(item, sentence = "") {
    const article = this.pending(item.nonce)
    if (!article) return
    article.classList.remove("pending", "queued", "failed")
    article.querySelector(".status")?.remove()
    const failed = item.state === "failed"
    article.classList.add(failed ? "failed" : item.state === "sending" ? "pending" : "queued")
    const line = clone(failed ? "failed-template" : "sending-template")
    if (failed) line.querySelector(".what").textContent = sentence ? `Not sent. ${sentence}` : "Not sent."
    else
      line.querySelector(".what").textContent =
        item.state === "sending" ? "Sending" : sentence || "Waiting to send"
    article.querySelector(".words").append(line)
    if (this.#scroll.atEnd) this.#scroll.soonToEnd()
  }

  pending(nonce) {
    return this.querySelector(`[data-nonce="${CSS.escape(nonce)}"]`)
  }

  drop(nonce) {
    const article = this.pending(nonce)
    if (!article) return
    const next = article.nextElementSibling
    this.#scroll.below(() => article.remove())
    if (next) arrange(this.#spine, next)
  }

  /** Somebody is called otherwise, or has another role: the marks before their names follow. */
  remark(id, role) {
    for (const article of this.querySelectorAll(`.message[data-by="${Number(id)}"]`)) {
      head(article, { id: Number(id), name: article.dataset.name }, { ...this.room, roleOf: () => role })
    }
  }

  /** You ignore others than before: what they said is folded away, or shown again. */
  rehear() {
    for (const article of this.messages())
      article.classList.toggle("ignored", this.room.ignores(Number(article.dataset.by)))
    for (const quote of this.querySelectorAll(".quote")) fillQuote(quote, this.line(quote.dataset.target))
    this.#scroll.hold(() => arrange(this.#spine))
  }

  /** The rule above what is new: after this number. */
  fresh(seq) {
    const line = this.#after(seq)
    const rule = this.querySelector(".fresh") ?? clone("fresh-template")
    rule.dataset.after = seq
    if (!line) return rule.remove()
    if (rule.nextElementSibling === line) return undefined
    this.#scroll.hold(() => {
      line.before(rule)
      arrange(this.#spine)
    })
    return undefined
  }

  unfresh() {
    const rule = this.querySelector(".fresh")
    if (!rule) return
    const next = rule.nextElementSibling
    this.#scroll.hold(() => {
      rule.remove()
      if (next) arrange(this.#spine, next)
    })
  }

  /** A line only you see, above what waits to go out. */
  notice(line) {
    this.#scroll.below(() => this.#spine.insertBefore(line, this.#tail))
    this.#scroll.toEnd()
  }

  /** A notice that asks whether something is really meant; the one before it is not asked any more. */
  ask(line) {
    this.querySelector(".notice[data-asks]")?.remove()
    line.dataset.asks = ""
    this.notice(line)
  }

  get #spine() {
    return this.querySelector(".spine")
  }

  /** What comes after every numbered line: yours that are not sent yet, and the link to newer ones. */
  get #tail() {
    return this.querySelector("[data-nonce], .newer")
  }

  #append(entry, then = () => {}) {
    if (entry.seq && this.line(entry.seq)) return null
    const line = this.#draw(entry)
    if (!line) return null
    const pending = entry.nonce ? this.pending(entry.nonce) : null
    if (entry.type === "message") this.querySelector("[data-until-spoken]")?.remove()
    this.#scroll.below(() => {
      pending?.remove()
      this.#spine.insertBefore(line, this.#tail)
      then()
      arrange(this.#spine, line)
    })
    return line
  }

  #draw(entry) {
    const line = entry.type === "message" ? build(entry, this.room) : events.build(entry)
    if (line && entry.type === "message") this.#heard(line)
    if (line) this.#retime(line)
    return line
  }

  #change(target, change) {
    const article = this.line(target)
    if (article?.matches(".message")) this.#scroll.hold(() => change(article))
    return article
  }

  #clear(entry) {
    const line = this.#draw(entry)
    this.#scroll.below(() => {
      for (const old of this.querySelectorAll(".line:not([data-nonce], .notice)")) {
        if (!old.dataset.seq || Number(old.dataset.seq) <= entry.upto) old.remove()
      }
      this.#spine.insertBefore(line, this.#tail)
      arrange(this.#spine)
    })
    this.#scroll.toEnd()
    this.#tell("log:cleared", entry)
    return line
  }

  #heard(message) {
    const { by, at } = message.dataset
    if (!this.#spoke.has(by) || this.#spoke.get(by) < at) this.#spoke.set(by, at)
  }

  /** The first message of somebody else after a number. */
  #after(seq) {
    return this.messages().find(
      (line) =>
        Number(line.dataset.seq) > seq &&
        Number(line.dataset.by) !== this.room.you.id &&
        !line.matches(".ignored"),
    )
  }

  /** What depends on the clock and on who looks. */
  #retime(root = this) {
    const able = root.matches?.("[data-until]") ? [root] : root.querySelectorAll(".event[data-until]")
    for (const line of able) offer(line, this.room.you)
    for (const time of root.querySelectorAll?.(".message time") ?? []) {
      const message = time.closest(".message")
      message.setAttribute("aria-label", heading(message.dataset, time.dateTime))
    }
  }

  /** An act that was taken back offers no Undo any more. */
  #takeBack() {
    for (const { dataset } of this.querySelectorAll("[data-kind=undone][data-target]")) {
      const line = this.line(dataset.target)
      if (line) withdraw(line)
    }
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }))
  }

  #away = () => {
    this.setAttribute("aria-live", this.#scroll.atEnd ? "polite" : "off")
  }

  #click = (event) => {
    const undo = event.target.closest("[data-undo]")
    if (undo) {
      const line = undo.closest(".event")
      this.#tell("log:undo", { whose: whose(line, this.room.you), newer: hasNewer(line) })
    }
    const act = event.target.closest(".status [data-act]")
    if (act) {
      const { nonce } = act.closest("[data-nonce]").dataset
      this.#tell(`message:${act.dataset.act}`, { nonce })
    }
    const quote = event.target.closest(".quote")
    const target = quote && this.line(quote.dataset.target)
    if (target) {
      event.preventDefault()
      reveal(target)
      this.#scroll.show(target)
      target.tabIndex = -1
      target.focus()
    }
  }
}

customElements.define("message-list", MessageList)
