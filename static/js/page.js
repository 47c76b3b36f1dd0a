// Every page outside a room: the theme, local times, lines to copy.

import "./elements/copy-line.js"
import { follow } from "./theme.js"
import { localise } from "./time.js"

follow()
localise(document)
