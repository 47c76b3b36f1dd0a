// socket.io on Node: `node socketio.mjs PORT [REDIS_SOCKET]`; with a Redis, through its adapter.
import { createServer } from "node:http"
import { Server } from "socket.io"

const [port, redis] = process.argv.slice(2)
const http = createServer()
const options = { transports: ["websocket"], perMessageDeflate: false, pingInterval: 60000 }
if (redis) {
  const { createAdapter } = await import("@socket.io/redis-adapter")
  const { createClient } = await import("redis")
  const say = createClient({ socket: { path: redis } })
  const hear = say.duplicate()
  await Promise.all([say.connect(), hear.connect()])
  options.adapter = createAdapter(say, hear)
}
const io = new Server(http, options)
io.on("connection", (socket) => {
  const room = socket.handshake.query.room
  socket.join(room)
  socket.on("say", (text) => io.to(room).emit("message", { type: "message", text }))
})
http.listen(Number(port), "127.0.0.1")
