// The entry of a room: every part is made here, and told about the others.

import "./elements/copy-line.js"
import "./elements/command-menu.js"
import "./elements/member-list.js"
import "./elements/message-composer.js"
import "./elements/message-list.js"
import "./elements/room-index.js"
import { Banner } from "./banner.js"
import { Draft } from "./drafts.js"
import { Finder } from "./finder.js"
import { frames } from "./frames.js"
import { History } from "./history.js"
import { logKeys, pageKeys } from "./keys.js"
import { menus } from "./menus.js"
import { putAway } from "./notices.js"
import { Outbox } from "./outbox.js"
import { peopleSheet } from "./people.js"
import { Reading } from "./reading.js"
import { RoomSocket } from "./socket.js"
import { speaking } from "./speaking.js"
import { follow } from "./theme.js"
import { Title } from "./title.js"
import { Toolbar } from "./toolbar.js"
import { Typing } from "./typing.js"
import { followKeyboard } from "./viewport.js"
import { windowOf } from "./window.js"

const page = document.getElementById("main")
const { slug, epoch, head, read } = page.dataset
const you = { id: Number(page.dataset.you), name: page.dataset.name, role: page.dataset.role }
const ignored = new Set(page.dataset.ignored.split(" ").filter(Boolean).map(Number))
const list = page.querySelector("message-list")
const composer = page.querySelector("message-composer")
const index = document.querySelector("room-index")
const people = peopleSheet()
people.list.ignores = (id) => ignored.has(id)
people.list.redraw()

follow()
followKeyboard()
list.settle({
  you,
  slug,
  roleOf: (id) => people.list.roleOf(id),
  ignores: (id) => ignored.has(id),
})

const title = new Title()
const draft = new Draft(you.id, slug)
// What was said while the page was made may be drawn already, though its head is older.
const socket = new RoomSocket({
  slug,
  epoch,
  last: Math.max(Number(head), page.dataset.newer === "1" ? 0 : list.last),
})
const outbox = new Outbox(you.id, slug, (frame) => socket.send(frame))
const typing = new Typing(page.querySelector(".typing .in-measure"), you)
const banner = new Banner(page.querySelector(".head"), () => socket.now())
const finder = new Finder()
const room = { page, slug, you, ignored, list, composer, index, people, title, draft, socket, outbox, typing, banner }
room.view = windowOf(
  room,
  new History(slug, { older: page.dataset.older === "1", newer: page.dataset.newer === "1" }),
)
room.reading = new Reading(
  list,
  read === "" ? Number(head) : Number(read),
  (seq) => !room.view.away && socket.send({ type: "read", seq }),
  (below) => room.view.below(below),
)

const toolbar = new Toolbar(list, (act, article) => {
  if (article.matches(".gone, [data-nonce]")) return false
  const mine = Number(article.dataset.by) === you.id
  if (act === "edit") return mine && article.dataset.text !== undefined && !article.matches(".action")
  if (act === "remove") return mine
  if (act === "pin") return offers.may("pin")
  if (act === "more") return offers.has(article)
  return true
})

speaking(room, toolbar)
const offers = menus(room)
frames(room)
logKeys(list, toolbar, composer)
list.addEventListener("click", putAway)

const keysList = document.getElementById("keys")
const showKeys = () => keysList.showModal()
page.querySelector("[data-keys]").addEventListener("click", showKeys)
keysList.addEventListener("click", (event) => event.target === keysList && keysList.close())
pageKeys({
  find: finder.open,
  rooms: () => index.links(),
  parts: () => [document.querySelector(".index"), list, composer, document.querySelector("#people .scroll")],
  list: showKeys,
})

const linked = room.view.open()
socket.open()
if (matchMedia("(pointer: fine)").matches && !linked) composer.focus()
