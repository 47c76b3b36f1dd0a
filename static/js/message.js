// A message, from an entry of the log to nodes. The markup is the server's own, cloned; words enter as text.

import { clone, element } from "./dom.js"
import { clock } from "./time.js"

/** `room` knows you, the slug, the role of a person, whom you ignore and the article of a number. */
export function build(entry, room) {
  const article = clone("message-template")
  const { by } = entry
  Object.assign(article.dataset, { at: entry.at, by: by.id, name: by.name, ...(by.guest ? { guest: "" } : {}) })
  if (entry.seq) {
    article.id = `m${entry.seq}`
    article.dataset.seq = entry.seq
  } else {
    article.removeAttribute("id")
    delete article.dataset.seq
  }
  article.setAttribute("aria-label", heading(article.dataset, entry.at))
  article.classList.toggle("action", entry.style === "action")
  article.classList.add("first")
  article.classList.toggle("ignored", room.ignores(by.id))
  head(article, by, room)
  const time = article.querySelector("time")
  time.dateTime = entry.at
  time.textContent = clock(entry.at)
  const link = time.closest("a")
  if (entry.seq) link.href = permalink(room.slug, entry.seq)
  else link.replaceWith(time)
  if (entry.gone) bury(article, entry.gone_by)
  else speak(article, entry, room)
  return article
}

/** Who said it and when, for those who do not see it. */
export function heading({ name, guest }, at) {
  return `${name}${guest === undefined ? "" : ", guest"}, ${clock(at)}`
}

export function permalink(slug, seq) {
  return `/rooms/${slug}?at=${seq}#m${seq}`
}

/** Put the words of an entry into its article, in place of those that were there. */
export function speak(article, entry, room) {
  const words = article.querySelector(".words")
  const quote = words.querySelector(".quote")
  const parts = entry.parts ?? [{ t: "text", s: entry.text ?? "" }]
  const mine = Number(article.dataset.by) === room.you.id
  if (mine) article.dataset.text = entry.text ?? ""
  const meant = !mine && parts.some((part) => part.t === "mention" && part.id === room.you.id)
  article.classList.remove("gone")
  article.classList.toggle("for-you", meant)
  words.replaceChildren(...wordsOf(parts, room.you))
  if (entry.edited) mark(words, element("span", "edited", "edited"))
  if (entry.as_admin) article.dataset.asAdmin = ""
  if ("asAdmin" in article.dataset) mark(words, clone("as-admin-template"))
  if (quote) words.prepend(quote)
  else if (entry.reply_to) words.prepend(quoteOf(entry.reply_to, room))
}

/** What stays of a removed message: that there was one. */
export function bury(article, remover = "") {
  const words = article.querySelector(".words")
  delete article.dataset.text
  article.classList.remove("for-you", "action")
  article.classList.add("gone")
  words.replaceChildren(element("p", "", `Message removed${remover ? ` by ${remover}` : ""}`))
}

/** One line of what a message says, for a quote. */
export function gist(article) {
  const words = article.querySelector(".words").cloneNode(true)
  for (const extra of words.querySelectorAll(".quote, .edited, .tag, .status")) extra.remove()
  for (const hidden of words.querySelectorAll(".spoiler")) hidden.replaceWith("(spoiler)")
  const text = words.textContent.replace(/\s+/g, " ").trim()
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}

/** The mark of a role before the name, or that it is a guest's; a bare name otherwise. */
export function head(article, by, room) {
  const margin = article.querySelector(".in-margin")
  const name = margin.querySelector(".name")
  for (const old of margin.querySelectorAll(".rank, .tag")) old.remove()
  const mark = rank(room.roleOf(by.id))
  if (mark) name.before(mark)
  if ("guest" in article.dataset) name.before(element("span", "tag", "guest"))
  name.textContent = by.name
  name.dataset.ink = ink(by.id, room.you.id)
}

export function ink(id, you) {
  return id === you ? "you" : String((id % 8) + 1)
}

export function rank(role) {
  return document.getElementById(`rank-${role}`) ? clone(`rank-${role}`) : null
}

function wordsOf(parts, you) {
  const nodes = []
  let paragraph = null
  for (const part of parts) {
    if (part.t === "block") {
      paragraph = null
      nodes.push(block(part))
      continue
    }
    if (part.t === "spoiler") {
      paragraph = null
      nodes.push(spoiler(part.s))
      continue
    }
    if (!paragraph) {
      paragraph = element("p")
      nodes.push(paragraph)
    }
    paragraph.append(inline(part, you))
  }
  return nodes
}

function inline(part, you) {
  switch (part.t) {
    case "code":
      return element("code", "", part.s)
    case "strong":
      return element("strong", "", part.s)
    case "em":
      return element("em", "", part.s)
    case "mention":
      return element("mark", part.id === you.id ? "mention you" : "mention", part.s)
    case "link":
      return link(part)
    default:
      return document.createTextNode(part.s)
  }
}

function link(part) {
  // The server lets only web addresses through; a second look costs nothing.
  if (!/^(https?|mailto):/i.test(part.href)) return document.createTextNode(part.s)
  const anchor = element("a", "", part.s)
  anchor.href = part.href
  anchor.rel = "noopener noreferrer nofollow ugc"
  anchor.target = "_blank"
  return anchor
}

function block(part) {
  const pre = element("pre")
  pre.tabIndex = 0
  pre.setAttribute("aria-label", part.lang ? `Code, ${part.lang}` : "Code")
  pre.append(element("code", "", part.s))
  return pre
}

/** Hidden until asked for: the browser's own means, by press, key and touch. */
export function spoiler(words) {
  const details = clone("spoiler-template")
  details.querySelector("p").textContent = words
  return details
}

function mark(words, said) {
  let last = words.lastElementChild
  if (last?.localName !== "p") {
    last = element("p")
    words.append(last)
  }
  last.append(" ", said)
}

function quoteOf(seq, room) {
  const quote = clone("quote-template")
  quote.href = permalink(room.slug, seq)
  quote.dataset.target = seq
  fillQuote(quote, room.find(seq))
  return quote
}

/** Say in a quote what it quotes, unless you ignore who said that. */
export function fillQuote(quote, target) {
  if (target?.dataset.kind !== "message") return
  const heard = !target.matches(".ignored")
  quote.querySelector("b").textContent = heard ? target.dataset.name : ""
  quote.querySelector("span").textContent = heard ? gist(target) : "an earlier message"
}
