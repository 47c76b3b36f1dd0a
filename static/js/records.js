// The log of moderation, beside the index of rooms.

import "./elements/room-index.js"
import "./page.js"
import { Finder } from "./finder.js"
import { pageKeys } from "./keys.js"

const finder = new Finder()
pageKeys({ find: finder.open, rooms: () => document.querySelector("room-index").links() })
