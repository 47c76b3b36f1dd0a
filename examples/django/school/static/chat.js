// A chat in a page of another site: one socket, opened with a pass that this site signs for whoever is signed in here.

const chat = document.querySelector("#chat")
const log = chat.querySelector("ol")
const status = chat.querySelector("[role=status]")
const form = chat.querySelector("form")
const unsent = new Map() // words by nonce, until they are acknowledged
let socket = null
let room = null
let pause = 500

const ask = (action, fields) => socket.send(JSON.stringify({ uuid: crypto.randomUUID(), action, ...fields }))
const say = (nonce, text) => ask("new_message", { uuid: nonce, room: chat.dataset.room, text, nonce })

function show({ id, user, text }) {
  if ([...log.children].some((line) => line.dataset.id === String(id))) return
  const line = document.createElement("li")
  line.dataset.id = id
  line.textContent = `${user.username}: ${text}` // words are text, never HTML
  log.append(line)
}

const HEAR = {
  authenticate: () => ask("select_room", { room: chat.dataset.room }),
  select_room(frame) {
    room = frame.room
    log.replaceChildren()
    frame.room_messages.forEach(show)
    pause = 500
    status.textContent = ""
    unsent.forEach((text, nonce) => say(nonce, text))
  },
  new_message: (frame) => frame.room === room && show(frame.message),
  ack: (frame) => unsent.delete(frame.nonce),
}

function refuse({ uuid, error_message }) {
  status.textContent = error_message
  form.querySelector("input").value ||= unsent.get(uuid) ?? "" // the words are given back
  unsent.delete(uuid)
}

async function open() {
  const answer = await fetch(chat.dataset.pass).catch(() => null)
  if (answer?.status === 401) return location.reload()
  if (!answer?.ok) return later()
  const { token } = await answer.json()
  socket = new WebSocket(chat.dataset.socket)
  socket.addEventListener("open", () => ask("authenticate", { token }))
  socket.addEventListener("message", ({ data }) => {
    const frame = JSON.parse(data)
    if (frame.status === "error") refuse(frame)
    else HEAR[frame.action]?.(frame)
  })
  socket.addEventListener("close", ({ code }) => {
    room = null
    if (code < 4500 && ![1002, 1003, 1007, 1008, 1009, 1010].includes(code)) later()
    else status.textContent = "The chat was closed."
  })
}

function later() {
  status.textContent = "No line to the chat. What you write is sent when it is back."
  setTimeout(open, Math.random() * pause)
  pause = Math.min(2 * pause, 30_000)
}

form.addEventListener("submit", (event) => {
  event.preventDefault()
  const input = form.querySelector("input")
  const nonce = crypto.randomUUID()
  unsent.set(nonce, input.value)
  if (room) say(nonce, input.value)
  input.value = ""
})

open()
